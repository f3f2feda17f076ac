//go:build wireinject && raft

package wiring

import (
	"context"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// buildStandalone is what build is without the tag raft: it makes the parts of a broker that is alone.
func buildStandalone(ctx context.Context, cfg *configs.Config, log Logging, seams Seams, steps *Progress) (*parts, func(), error) {
	panic(wire.Build(brokerSet, standaloneMetadataSet))
}
