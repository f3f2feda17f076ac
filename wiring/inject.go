//go:build wireinject

package wiring

import (
	"context"
	"log/slog"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
)

// build makes the parts of a broker, in the order of their needs; the cleanup takes them down in
// reverse. make generate writes it.
func build(
	ctx context.Context, cfg *configs.Config, log *slog.Logger, levels *slog.LevelVar, steps *Progress,
) (*parts, func(), error) {
	panic(wire.Build(
		metadataSet, // differs by build tag: providers_standalone.go, providers_raft.go
		lockDataDir,
		openSpace,
		newDecompression,
		openLogs,
		newClock,
		newBrokerConfigs,
		newTopics,
		newPartitions,
		newCluster,
		newAssignments,
		newFetch,
		newGroups,
		replicas.NewCleaner,
		replicas.NewProduce,
		replicas.NewOffsets,
		openTelemetry,
		newSyncMetrics,
		newRequestMetrics,
		newServices,
		newKafkaServer,
		newReadiness,
		newHTTPServer,
		wire.Struct(new(parts), "*"),
	))
}
