//go:build raft

package cluster

import (
	"context"
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
	"github.com/chronik-stream/chronik/test/harness"
)

// member is a node of a cluster that starts and stops with it.
type member struct {
	*node
	all *cluster
}

func (m member) Close() error { return m.all.close() }

// contract runs the contract suite on the leader of clusters.
func contract(t *testing.T, size int) {
	t.Helper()
	clusters := map[string]*cluster{}
	porttest.MetadataStore(t, func(t *testing.T, dir string) ports.MetadataStore {
		t.Helper()
		c, known := clusters[dir]
		if !known {
			c = newCluster(t, dir, size, nil)
			clusters[dir] = c
		}
		if err := c.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The suite opens the nodes of a directory again after it has closed them.
		first := *c.nodes[0]
		return member{&first, &cluster{nodes: append([]*node{&first}, copies(c.nodes[1:])...)}}
	})
}

// copies returns the nodes as they run now.
func copies(nodes []*node) []*node {
	all := make([]*node, len(nodes))
	for n := range nodes {
		one := *nodes[n]
		all[n] = &one
	}
	return all
}

func TestAGroupOfOneIsAMetadataStore(t *testing.T)    { contract(t, 1) }
func TestALeaderOfThreeIsAMetadataStore(t *testing.T) { contract(t, 3) }

// childEnv makes the test binary run as a child process that will be killed.
const childEnv = "CHRONIK_CRASH_DIR"

var crash = porttest.Crash{
	Env: childEnv, Commands: 4_000, Rounds: 5,
	Open: func(dir string) (ports.MetadataStore, error) {
		address, _, err := harness.ClaimAddr() // until the process is killed
		if err != nil {
			return nil, err
		}
		n := newNode(dir, 0, "node-0.test:9093")
		n.set.Listen = address // the cluster keeps its address, but the port changes with every start
		if err := n.start(context.Background(), peers(n)); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), long)
		defer cancel()
		return n, n.Barrier(ctx)
	},
}

func runChild(dir string) int { return porttest.CrashChild(crash, dir) }

func TestKilledAtAnyMomentANodeLosesNothingAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("4,000 commands")
	}
	porttest.MetadataStoreCrash(t, crash)
}
