//go:build raft

package raftnode

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOnlyRealProblemsAreWarnings(t *testing.T) {
	var out bytes.Buffer
	before := route.to.Load()
	route.to.Store(&destination{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	defer route.to.Store(before)
	raft, transport := routed{"raft"}, routed{"transport"}
	raft.Warningf("%s became candidate", "x")
	raft.Warningf("%s received %s with higher term (%d) from %s", "x", "RequestVote", 3, "n2")
	raft.Warningf("%s received %d votes and %d rejections, quorum is %d", "x", 2, 0, 2)
	raft.Warningf("%s dropped proposal, no leader", "x")
	transport.Errorf("Nodehost %s failed to get a connection to %s, %v", "a", "b",
		"dial tcp b: connect: connection refused")
	raft.Infof("information")
	if out.Len() > 0 {
		t.Errorf("a routine warning is logged: %s", out.String())
	}
	for _, problem := range []string{"has lost quorum", "x509: certificate signed by unknown authority"} {
		raft.Warningf("%s", problem)
		transport.Errorf("%s", problem)
		if n := strings.Count(out.String(), problem); n != 2 {
			t.Errorf("%q was logged %d times, want twice: %s", problem, n, out.String())
		}
	}
}

func TestANodeThatDoesNotRunIsWarnedOfOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		before := route.to.Load()
		route.to.Store(&destination{log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo}))})
		defer route.to.Store(before)
		for range 150 {
			for _, address := range []string{"n2:9192", "n3:9192"} {
				routed{"transport"}.Warningf("%s became unreachable, affected %d nodes", address, 1)
			}
			time.Sleep(time.Second)
		}
		for _, address := range []string{"n2:9192", "n3:9192"} {
			if n := strings.Count(out.String(), address); n != 3 {
				t.Errorf("%s was warned of %d times in 150 seconds, want 3", address, n)
			}
		}
	})
}
