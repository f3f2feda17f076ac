//go:build wireinject

package wiring

import (
	"context"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// build makes the parts of the broker that this build mode is for, in the order of their needs: one that is alone, or
// with the tag raft a node of a cluster. The cleanup takes them down in reverse. make generate writes it.
func build(ctx context.Context, cfg *configs.Config, log Logging, seams Seams, steps *Progress) (*parts, func(), error) {
	panic(wire.Build(brokerSet, metadataSet))
}

// buildLegacy is build for a broker that is alone and keeps its metadata in one JSON file (use_wal_metadata = false).
func buildLegacy(ctx context.Context, cfg *configs.Config, log Logging, seams Seams, steps *Progress) (*parts, func(), error) {
	panic(wire.Build(brokerSet, legacySet))
}
