package controller

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// answers is a controller that gives every heartbeat the same answer.
type answers ports.BrokerHeartbeatReply

func (a *answers) Heartbeat(context.Context, ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	return ports.BrokerHeartbeatReply(*a), nil
}

func TestOnlyTheHeartbeatOfABrokerInServiceRenewsItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{img: new(metadata.Image), leader: 1}
		lease, controller := replicas.NewLease(time.Now), &answers{Fenced: true}
		settings := MembershipSettings{NodeID: 1, Incarnation: [16]byte{1}, Lease: lease}
		m := joined(t.Context(), t, nodeStore{n, 1}, Receivers{controller, n.network().Peers(1)}, settings)
		live := func() bool { return lease.Holds() }
		beat := func() {
			if _, err := m.beat(t.Context(), false); err != nil {
				t.Fatal(err)
			}
		}
		if beat(); live() {
			t.Error("a fenced broker may lead: it need not know yet who leads in its place")
		}
		controller.Fenced = false
		if beat(); !live() {
			t.Error("a broker in service may not lead")
		}
		time.Sleep(1699 * time.Millisecond)
		if !live() {
			t.Error("the lease ends early")
		}
		time.Sleep(2 * time.Millisecond)
		if live() {
			t.Error("the lease is as long as the session")
		}
	})
}

func TestALeaderOfTheMetadataWithoutFollowersGrantsItselfNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{img: new(metadata.Image), leader: 1, away: map[int32]bool{}}
		lease, log := replicas.NewLease(time.Now), slog.New(slog.DiscardHandler)
		controller := NewController(nodeStore{n, 1}, n, ControllerSettings{}, time.Now, log)
		settings := MembershipSettings{NodeID: 1, Incarnation: [16]byte{1}, Lease: lease}
		m := joined(t.Context(), t, nodeStore{n, 1}, Receivers{controller, n.network().Peers(1)}, settings)
		n.set(func() { n.away[1] = true })
		if _, err := m.beat(t.Context(), false); err == nil || lease.Holds() {
			t.Errorf("beat() = %v, and the broker may lead", err)
		}
		n.set(func() { n.away[1] = false })
		if _, err := m.beat(t.Context(), false); err != nil || !lease.Holds() {
			t.Errorf("beat() = %v, and the broker may not lead", err)
		}
	})
}

func TestALeaseEndsWhileTheMachineIsSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var suspended time.Duration // counted by the lease's clock, but not by Go's
		lease := replicas.NewLease(func() time.Time { return time.Now().Add(suspended) })
		lease.Renew(lease.Now(), 2*time.Second)
		if !lease.Holds() {
			t.Fatal("the lease does not hold")
		}
		suspended = 1701 * time.Millisecond
		if lease.Holds() {
			t.Error("the lease holds after the machine has slept")
		}
	})
}
