//go:build wireinject && raft

package wiring

import (
	"context"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// buildStandalone is build without the tag raft: it creates the parts of a standalone broker.
func buildStandalone(ctx context.Context, cfg *configs.Config, log Logging, seams Seams,
	steps *Progress,
) (*parts, func(), error) {
	panic(wire.Build(brokerSet, standaloneMetadataSet))
}
