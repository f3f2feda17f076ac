//go:build raft

package raftnode

import (
	"context"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/test/authority"
)

// certificate returns the files of a node's new certificate.
func certificate(t *testing.T, a *authority.Authority) *TLS {
	t.Helper()
	f := a.Node(t, "node", nil)
	return &TLS{CAFile: f.CA, CertFile: f.Cert, KeyFile: f.Key}
}

func TestNodesAgreeOverMutualTLSAndOnlyWithThoseOfTheirAuthority(t *testing.T) {
	ours, theirs := authority.New(t), authority.New(t)
	nodes, members := cluster(t, 3, func(s *Settings) { s.TLS = certificate(t, ours) })
	nodes[0].propose(t, "three of three")
	nodes[2].state.awaitEntry(t, "three of three")
	stranger := nodes[2]
	stranger.stop(t)
	nodes[1].stop(t)
	stranger.set.TLS = certificate(t, theirs)
	stranger.start(t, members)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	for ctx.Err() == nil { // the majority would be there, if they spoke with each other
		if err := nodes[0].replica.Barrier(ctx); err == nil {
			t.Fatal("a node with a stranger's certificate has a vote")
		}
		pause(ctx)
	}
	stranger.stop(t)
	stranger.set.TLS = nodes[0].set.TLS
	stranger.start(t, members)
	nodes[0].propose(t, "two of three")
}

// pause waits a little, or until ctx ends.
func pause(ctx context.Context) {
	select {
	case <-time.After(20 * time.Millisecond):
	case <-ctx.Done():
	}
}
