//go:build raft

package wiring

import (
	"errors"
	"fmt"

	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/wiring/cluster"
)

// injectorFor returns the injector for cfg: of a node of a cluster, or of a standalone broker.
func injectorFor(cfg *configs.Config) (injector, error) {
	switch {
	case cfg.OnlyNamesNode(): // the other cluster settings may have been forgotten
		return nil, fmt.Errorf(
			"%w: cluster.peers names no nodes; a broker without a cluster has its id as kafka.\"node.id\"",
			cluster.ErrNoManager,
		)
	case cfg.Clustered() && !cfg.UseWALMetadata:
		return nil, errors.New(
			"use_wal_metadata = false is for brokers without a cluster: a cluster needs use_wal_metadata = true",
		)
	case cfg.Clustered() && len(cfg.Cluster.Peers) == 0:
		return nil, fmt.Errorf("%w: cluster.peers names no nodes", cluster.ErrNoManager)
	case cfg.Clustered():
		return build, nil
	case !cfg.UseWALMetadata:
		return buildLegacy, nil
	}
	return buildStandalone, nil
}

// hasRaft reports whether the data directory has the raft directory of a node.
func hasRaft(dir string) (bool, error) { return raftnode.Exists(dir) }
