//go:build !raft

package wiring

import (
	"errors"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
)

// metadataSet keeps metadata on this node alone.
var metadataSet = wire.NewSet(newMembership, openMetadata, register, replicas.NewEndlessLease, newSoleWork)

// newMembership refuses what this binary cannot be: a node of a cluster.
func newMembership(cfg *configs.Config) (membership, error) {
	if cfg.Clustered() {
		return membership{}, errors.New(
			"the configuration has a cluster section, which needs a binary built with: go build -tags raft",
		)
	}
	return membership{nodeID: int32(cfg.Cluster.NodeID)}, nil
}
