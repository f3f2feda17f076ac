package wiring

import (
	"context"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
)

//go:generate ./generate

// injector creates the parts of one kind of broker. The injectors are in inject.go, inject_memory.go and
// inject_raft.go.
type injector = func(context.Context, *configs.Config, Logging, Seams, *Progress) (*parts, func(), error)

// nodeID is this broker's id in its cluster.
type nodeID int32

func newNodeID(cfg *configs.Config) nodeID { return nodeID(cfg.Cluster.NodeID) }

// role is the part of a broker that differs between a standalone broker and a node of a cluster.
type role struct {
	early, late []stage           // run before and after the stages that serve clients
	nodes       *kafkaproto.Nodes // how other nodes are authenticated; nil without certificates
	standing    lifecycle.Standing
	// bytes per second fetched for throttled replicas; nil for a broker that does not fetch
	throttled func() int64
	reload    func() // loads renewed certificates
}

// newLoneRole returns the role of a standalone broker, which does nothing for other brokers.
func newLoneRole() role {
	return role{standing: lifecycle.Alone{}, reload: func() {}}
}
