//go:build !raft

package wiring

import (
	"errors"

	"github.com/chronik-stream/chronik/configs"
)

// injectorFor returns the injector of the broker that cfg describes. It refuses what this binary cannot be.
func injectorFor(cfg *configs.Config) (injector, error) {
	switch {
	case cfg.Clustered():
		return nil, errors.New(
			"the configuration has a cluster section, which needs a binary built with: go build -tags raft",
		)
	case !cfg.UseWALMetadata:
		return buildLegacy, nil
	}
	return build, nil
}
