//go:build !raft

package wiring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

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

// hasRaft reports whether the data directory has the raft directory of a node, as raftnode.Exists does. This binary
// runs no node, but it must leave a node's metadata alone.
func hasRaft(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, "raft", "node.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
