package wiring

import (
	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/filestore"
	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/groups"
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
	"github.com/chronik-stream/chronik/core/domain/broker/producerids"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/ports"
)

// brokerSet provides what every broker has that uses a disk. The metadata store, and everything that depends on whether
// there is a cluster, come from a set such as standaloneSet.
var brokerSet = wire.NewSet(directorySet, serviceSet, serverSet, wire.Struct(new(parts), "*"))

// directorySet provides the locked and checked data directory and the stores in it.
var directorySet = wire.NewSet(
	newNodeID, openDataDir, openSpace, newDecompression,
	wire.Struct(new(storeNeeds), "*"), wire.Struct(new(logNeeds), "*"), openLogs,
)

// serviceSet provides the services, and binds them to the interfaces of the Kafka server.
var serviceSet = wire.NewSet(
	wire.FieldsOf(new(Seams), "Clock", "Interceptor"), newTopicIDs,
	wire.Struct(new(configNeeds), "*"), newBrokerConfigs,
	wire.Struct(new(partitionNeeds), "*"), newPartitions,
	wire.Struct(new(groupNeeds), "*"), newGroups,
	topics.NewTopics, producerids.New, controller.NewAssignments, controller.NewFeatures,
	newFetch, shownMetadata, replicas.NewProduce, replicas.NewOffsets, replicas.NewCleaner,
	wire.Bind(new(kafkaproto.Topics), new(*topics.Topics)),
	wire.Bind(new(kafkaproto.Configs), new(*brokerconfigs.Configs)),
	wire.Bind(new(kafkaproto.Features), new(*controller.Features)),
	wire.Bind(new(kafkaproto.ProducerIDs), new(*producerids.Manager)),
	wire.Bind(new(kafkaproto.Partitions), new(*replicas.Partitions)),
	wire.Bind(new(kafkaproto.Assignments), new(*controller.Assignments)),
	wire.Bind(new(kafkaproto.Produce), new(*replicas.Produce)),
	wire.Bind(new(kafkaproto.Fetch), new(*replicas.Fetch)),
	wire.Bind(new(kafkaproto.Offsets), new(*replicas.Offsets)),
	wire.Bind(new(kafkaproto.Groups), new(*groups.Coordinator)),
)

// serverSet provides the servers for clients and operators.
var serverSet = wire.NewSet(
	openTelemetry, newSyncMetrics, newRequestMetrics,
	wire.Struct(new(kafkaNeeds), "*"), newKafkaServer, newReadiness, newHTTPServer,
	wire.FieldsOf(new(Logging), "Logger", "Levels"),
)

// aloneSet provides what only a broker without a cluster has.
var aloneSet = wire.NewSet(
	newSoleQuorum, replicas.NewEndlessLease, newLoneRole, wire.Struct(new(registerNeeds), "*"),
	wire.Struct(new(kafkaproto.Services),
		"Topics", "Configs", "Metadata", "Features", "ProducerIDs", "Partitions", "Assignments", "Quorum", "Produce", "Fetch",
		"Offsets", "Groups"),
	wire.Bind(new(kafkaproto.Quorum), new(*controller.SoleQuorum)),
)

// standaloneSet provides a broker without a cluster that keeps its metadata in the write-ahead store.
var standaloneSet = wire.NewSet(
	aloneSet, wire.Value(lifecycle.WALMetadata), openWALStore, registerInWAL,
	wire.FieldsOf(new(registered[*walstore.Store]), "Store", "Epoch"),
)

// legacySet provides a broker without a cluster that keeps its metadata in one JSON file. It is a set of its own rather
// than a choice in a provider, so that the binding of the port names the store.
var legacySet = wire.NewSet(
	aloneSet, wire.Value(lifecycle.FileMetadata), openFileStore, registerInFile,
	wire.FieldsOf(new(registered[*filestore.Store]), "Store", "Epoch"),
	wire.Bind(new(ports.MetadataStore), new(*filestore.Store)),
)
