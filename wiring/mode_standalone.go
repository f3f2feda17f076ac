//go:build !raft

package wiring

import (
	"errors"

	"github.com/chronik-stream/chronik/configs"
)

// injectorFor returns the injector for cfg. It refuses a node of a cluster, which needs the build tag raft.
func injectorFor(cfg *configs.Config) (injector, error) {
	switch {
	case cfg.Clustered():
		return nil, errors.New(
			"the configuration has a cluster section, which needs the binary of: make build-raft",
		)
	case !cfg.UseWALMetadata:
		return buildLegacy, nil
	}
	return build, nil
}

// hasRaft reports false: only a node needs to know whether there is a raft directory, and this binary runs none.
func hasRaft(string) (bool, error) { return false, nil }
