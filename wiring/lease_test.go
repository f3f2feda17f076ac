//go:build raft

package wiring

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestLeasesOfNodesCountByTheBootClock: Go's monotonic clock stops while a machine is suspended, but the other nodes'
// clocks do not.
func TestLeasesOfNodesCountByTheBootClock(t *testing.T) {
	of := runtime.FuncForPC(reflect.ValueOf(newBootClock()).Pointer()).Name()
	if !strings.Contains(of, "/adapters/bootclock.") {
		t.Errorf("the clock is %s", of)
	}
	now := time.Now()
	lease := newNodeLease(func() time.Time { return now })
	lease.Renew(lease.Now(), 2*time.Second)
	if !lease.Holds() {
		t.Fatal("a lease that was just renewed does not hold")
	}
	now = now.Add(2 * time.Second) // the machine was suspended
	if lease.Holds() {
		t.Error("the lease holds longer than the session, by the clock that it was given")
	}
}
