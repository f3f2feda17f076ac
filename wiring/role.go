package wiring

import (
	"context"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/configs"
)

//go:generate ./generate

// injector makes the parts of one kind of broker; inject.go and inject_raft.go have them.
type injector = func(context.Context, *configs.Config, Logging, Seams, *Progress) (*parts, func(), error)

// nodeID is this broker's id in its cluster.
type nodeID int32

func newNodeID(cfg *configs.Config) nodeID { return nodeID(cfg.Cluster.NodeID) }

// role is what a broker does for the cluster that it is in, beside what clients ask of it.
type role struct {
	early, late []stage           // before and while clients are served
	nodes       *kafkaproto.Nodes // how other nodes are told from clients; nil where nobody has to show who it is
	ready       func() error      // why the broker should not be counted on, nil for no reason
	throttled   func() int64      // bytes per second fetched for throttled replicas, nil where nothing is fetched
	reload      func()            // takes renewed certificates into use
}

// newLoneRole is the role of a broker that is alone: it has nothing to do for others.
func newLoneRole() role {
	return role{ready: func() error { return nil }, reload: func() {}}
}
