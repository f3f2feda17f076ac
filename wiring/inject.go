//go:build wireinject

package wiring

import (
	"context"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// build creates the parts of the broker that this build mode is for: a standalone one, or with the tag raft a node of a
// cluster. The cleanup closes them in reverse order. make generate writes the implementation.
func build(ctx context.Context, cfg *configs.Config, log Logging, seams Seams,
	steps *Progress,
) (*parts, func(), error) {
	panic(wire.Build(brokerSet, metadataSet))
}

// buildLegacy creates a standalone broker that keeps its metadata in one JSON file (use_wal_metadata = false).
func buildLegacy(ctx context.Context, cfg *configs.Config, log Logging, seams Seams,
	steps *Progress,
) (*parts, func(), error) {
	panic(wire.Build(brokerSet, legacySet))
}
