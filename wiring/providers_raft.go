//go:build raft

package wiring

import (
	"errors"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// metadataSet keeps metadata on this node alone unless there is a cluster.
var metadataSet = wire.NewSet(newReplicaManager, newMembership, openMetadata)

// replicaManager creates and runs this node's replicas of Raft groups.
type replicaManager interface{ NodeID() int32 }

// newReplicaManager returns the replica manager, nil when there is none.
func newReplicaManager() replicaManager { return nil }

// newMembership makes this node one of a cluster when the configuration has a cluster section.
func newMembership(cfg *configs.Config, replicas replicaManager) (membership, error) {
	if !cfg.Clustered() {
		return membership{nodeID: standaloneNodeID}, nil
	}
	if !cfg.UseWALMetadata {
		return membership{}, errors.New("use_wal_metadata = false is for brokers without a cluster: a cluster needs use_wal_metadata = true")
	}
	if replicas == nil {
		return membership{}, errors.New("Raft manager required for clustered mode") //nolint:staticcheck // the seed's words
	}
	return membership{nodeID: replicas.NodeID()}, nil
}
