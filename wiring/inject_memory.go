//go:build wireinject

package wiring

import (
	"context"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
)

// buildInMemory makes the parts of a broker that is alone and keeps nothing on disk.
func buildInMemory(
	ctx context.Context, cfg *configs.Config, log Logging, seams Seams, steps *Progress,
) (*parts, func(), error) {
	panic(wire.Build(memorySet))
}
