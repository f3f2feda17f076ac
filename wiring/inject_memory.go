//go:build wireinject

package wiring

import (
	"context"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// buildInMemory creates the parts of a standalone broker that keeps nothing on disk.
func buildInMemory(
	ctx context.Context, cfg *configs.Config, log Logging, seams Seams, steps *Progress,
) (*parts, func(), error) {
	panic(wire.Build(memorySet))
}
