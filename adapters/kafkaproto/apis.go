package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
)

// api is one API of the protocol, in the versions that are fully implemented.
type api struct {
	key      int16
	min, max int16 // versions, both included
	// schema is checked before kmsg decodes a request; nil for APIs with a decoder of their own.
	schema wire.Schema
	serve  func(*exchange) error

	// internal marks an API between brokers, which is not announced to clients and is served in a cluster only.
	internal bool
	// clustered marks an API that is served and announced in a cluster only.
	clustered bool

	// note describes for users how this broker's answers differ from Kafka's; "" for no difference.
	note string

	name     string // "" for kmsg's name
	flexible int16  // the first version whose requests are flexible (KIP-482)
}

const (
	produceKey     = 0
	fetchKey       = 1
	apiVersionsKey = 18
)

const noAuthorizer = "Without an authorizer, which there is none of yet, the answer is SECURITY_DISABLED."

// The schemas that many requests share.
var (
	topicPartitions = wire.Array(wire.String, wire.Values(wire.Int32))
	aclFilter       = wire.Schema{wire.Int8, wire.String, wire.Int8, wire.String, wire.String, wire.Int8, wire.Int8}
)

// apiTable is every API that this broker serves. Dispatching, ApiVersions, the names in metrics and the table in
// docs/compatibility.md all come from here. The versions are those of Apache Kafka 4.3.1.
func apiTable() []api {
	return []api{
		{
			key: produceKey, min: 0, max: 13, serve: (*exchange).produce,
			note: "Versions 0 to 2 are announced for librdkafka's sake and refused with UNSUPPORTED_VERSION. " +
				"No transactions.",
		},
		{
			key: fetchKey, min: 4, max: 18, serve: (*exchange).fetch,
			note: "Answers hold complete batches. Kafka fills an answer up with the beginning of another batch, " +
				"which clients drop and fetch again.",
		},
		{
			key: 2, min: 1, max: 11, serve: message(kmsg.NewPtrListOffsetsRequest, (*exchange).listOffsets),
			schema: wire.Schema{
				wire.Int32, wire.Int8.From(2), wire.Array(wire.String, wire.Array(wire.Int32, wire.Int32.From(4),
					wire.Int64)), wire.Int32.From(10),
			},
		},
		{
			key: 3, min: 0, max: 13, serve: message(kmsg.NewPtrMetadataRequest, (*exchange).metadata),
			schema: wire.Schema{
				wire.Array(wire.UUID.From(10), wire.String).OrNull(), wire.Bool.From(4), wire.Bool.From(8).To(10),
				wire.Bool.From(8),
			},
			note: "A topic that is created because of the request exists when the answer comes. " +
				"Kafka answers UNKNOWN_TOPIC_OR_PARTITION and " +
				"creates it in the background: clients ask again, and a slow one gives up.",
		},
		{
			key: 8, min: 2, max: 10, serve: message(kmsg.NewPtrOffsetCommitRequest, (*exchange).offsetCommit),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.String, wire.String.From(7), wire.Int64.To(4),
				wire.Array(wire.String.To(9), wire.UUID.From(10), wire.Array(wire.Int32, wire.Int64,
					wire.Int32.From(6),
					wire.String)),
			},
		},
		{
			key: 9, min: 1, max: 10, serve: message(kmsg.NewPtrOffsetFetchRequest, (*exchange).offsetFetch),
			schema: wire.Schema{
				wire.String.To(7), topicPartitions.To(7).OrNull(),
				wire.Array(wire.String, wire.String.From(9), wire.Int32.From(9), wire.Array(wire.String.To(9),
					wire.UUID.From(10), wire.Values(wire.Int32)).OrNull()).From(8), wire.Bool.From(7),
			},
		},
		{
			key: 10, min: 0, max: 6, serve: message(kmsg.NewPtrFindCoordinatorRequest, (*exchange).findCoordinator),
			schema: wire.Schema{
				wire.String.To(3), wire.Int8.From(1), wire.Values(wire.String).From(4),
			},
			note: "Coordinators of groups. Those of transactions are refused with UNSUPPORTED_VERSION, " +
				"those of share groups with INVALID_REQUEST.",
		},
		{
			key: 11, min: 0, max: 9, serve: message(kmsg.NewPtrJoinGroupRequest, (*exchange).joinGroup),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.Int32.From(1), wire.String, wire.String.From(5), wire.String,
				wire.Array(wire.String, wire.Bytes), wire.String.From(8),
			},
		},
		{
			key: 12, min: 0, max: 4, serve: message(kmsg.NewPtrHeartbeatRequest, (*exchange).heartbeat),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.String, wire.String.From(3),
			},
		},
		{
			key: 13, min: 0, max: 5, serve: message(kmsg.NewPtrLeaveGroupRequest, (*exchange).leaveGroup),
			schema: wire.Schema{
				wire.String, wire.String.To(2), wire.Array(wire.String, wire.String, wire.String.From(5)).From(3),
			},
		},
		{
			key: 14, min: 0, max: 5, serve: message(kmsg.NewPtrSyncGroupRequest, (*exchange).syncGroup),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.String, wire.String.From(3), wire.String.From(5), wire.String.From(5),
				wire.Array(wire.String, wire.Bytes),
			},
		},
		{
			key: 15, min: 0, max: 6, serve: message(kmsg.NewPtrDescribeGroupsRequest, (*exchange).describeGroups),
			schema: wire.Schema{
				wire.Values(wire.String), wire.Bool.From(3),
			},
		},
		{
			key: 16, min: 0, max: 5, serve: message(kmsg.NewPtrListGroupsRequest, (*exchange).listGroups),
			schema: wire.Schema{
				wire.Values(wire.String).From(4), wire.Values(wire.String).From(5),
			},
		},
		{
			key: apiVersionsKey, min: 0, max: 4, serve: message(kmsg.NewPtrApiVersionsRequest, (*exchange).apiVersions),
			schema: wire.Schema{
				wire.String.From(3), wire.String.From(3),
			},
		},
		{
			key: 19, min: 2, max: 7, serve: message(kmsg.NewPtrCreateTopicsRequest, (*exchange).createTopics),
			schema: wire.Schema{
				wire.Array(wire.String, wire.Int32, wire.Int16, wire.Array(wire.Int32, wire.Values(wire.Int32)),
					wire.Array(wire.String, wire.String)), wire.Int32, wire.Bool,
			},
		},
		{
			key: 20, min: 1, max: 6, serve: message(kmsg.NewPtrDeleteTopicsRequest, (*exchange).deleteTopics),
			schema: wire.Schema{
				wire.Values(wire.String).To(5), wire.Array(wire.String, wire.UUID).From(6), wire.Int32,
			},
		},
		{
			key: 21, min: 0, max: 2, serve: message(kmsg.NewPtrDeleteRecordsRequest, (*exchange).deleteRecords),
			schema: wire.Schema{
				wire.Array(wire.String, wire.Array(wire.Int32, wire.Int64)), wire.Int32,
			},
		},
		{
			key: 22, min: 0, max: 5, serve: message(kmsg.NewPtrInitProducerIDRequest, (*exchange).initProducerID),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.Int64.From(3), wire.Int16.From(3),
			},
			note: "For idempotent producers. A transactional id is refused with UNSUPPORTED_VERSION.",
		},
		{
			key: 23, min: 2, max: 4,
			serve: message(kmsg.NewPtrOffsetForLeaderEpochRequest, (*exchange).offsetForLeaderEpoch),
			schema: wire.Schema{
				wire.Int32.From(3), wire.Array(wire.String, wire.Array(wire.Int32, wire.Int32, wire.Int32)),
			},
		},
		{
			key: 29, min: 1, max: 3, serve: message(kmsg.NewPtrDescribeACLsRequest, (*exchange).describeACLs),
			schema: aclFilter, note: noAuthorizer,
		},
		{
			key: 30, min: 1, max: 3, serve: message(kmsg.NewPtrCreateACLsRequest, (*exchange).createACLs),
			schema: wire.Schema{wire.Array(aclFilter...)}, note: noAuthorizer,
		},
		{
			key: 31, min: 1, max: 3, serve: message(kmsg.NewPtrDeleteACLsRequest, (*exchange).deleteACLs),
			schema: wire.Schema{wire.Array(aclFilter...)}, note: noAuthorizer,
		},
		{
			key: 32, min: 1, max: 4, serve: message(kmsg.NewPtrDescribeConfigsRequest, (*exchange).describeConfigs),
			schema: wire.Schema{
				wire.Array(wire.Int8, wire.String, wire.Values(wire.String).OrNull()), wire.Bool, wire.Bool.From(3),
			},
		},
		{
			key: 33, min: 0, max: 2, serve: message(kmsg.NewPtrAlterConfigsRequest, (*exchange).alterConfigs),
			schema: wire.Schema{
				wire.Array(wire.Int8, wire.String, wire.Array(wire.String, wire.String)), wire.Bool,
			},
		},
		{
			key: 35, min: 1, max: 5, serve: message(kmsg.NewPtrDescribeLogDirsRequest, (*exchange).describeLogDirs),
			schema: wire.Schema{
				topicPartitions.OrNull(),
			},
		},
		{
			key: 37, min: 0, max: 3, serve: message(kmsg.NewPtrCreatePartitionsRequest, (*exchange).createPartitions),
			schema: wire.Schema{
				wire.Array(wire.String, wire.Int32, wire.Array(wire.Values(wire.Int32)).OrNull()), wire.Int32,
				wire.Bool,
			},
		},
		{
			key: 42, min: 0, max: 2, serve: message(kmsg.NewPtrDeleteGroupsRequest, (*exchange).deleteGroups),
			schema: wire.Schema{
				wire.Values(wire.String),
			},
		},
		{
			key: 43, min: 0, max: 2, serve: message(kmsg.NewPtrElectLeadersRequest, (*exchange).electLeaders),
			schema: wire.Schema{
				wire.Int8.From(1), topicPartitions.OrNull(), wire.Int32,
			},
			note: "In a cluster, a preferred election of __cluster_metadata-0 makes the broker " +
				"that gets the request the leader of the metadata.",
		},
		{
			key: 44, min: 0, max: 1,
			serve: message(kmsg.NewPtrIncrementalAlterConfigsRequest, (*exchange).incrementalAlterConfigs),
			schema: wire.Schema{
				wire.Array(wire.Int8, wire.String, wire.Array(wire.String, wire.Int8, wire.String)), wire.Bool,
			},
		},
		{
			key: 45, min: 0, max: 1, name: "AlterPartitionReassignments",
			serve: message(kmsg.NewPtrAlterPartitionAssignmentsRequest, (*exchange).alterPartitionReassignments),
			schema: wire.Schema{
				wire.Int32, wire.Bool.From(1), wire.Array(wire.String, wire.Array(wire.Int32,
					wire.Values(wire.Int32).OrNull())),
			},
		},
		{
			key: 46, min: 0, max: 0,
			serve: message(kmsg.NewPtrListPartitionReassignmentsRequest, (*exchange).listPartitionReassignments),
			schema: wire.Schema{
				wire.Int32, topicPartitions.OrNull(),
			},
		},
		{
			key: 47, min: 0, max: 0, serve: message(kmsg.NewPtrOffsetDeleteRequest, (*exchange).offsetDelete),
			schema: wire.Schema{
				wire.String, wire.Array(wire.String, wire.Array(wire.Int32)),
			},
		},
		{
			key: 55, min: 0, max: 2, serve: message(kmsg.NewPtrDescribeQuorumRequest, (*exchange).describeQuorum),
			schema: wire.Schema{
				wire.Array(wire.String, wire.Array(wire.Int32)),
			},
			note: "The metadata is described as if it were kept in __cluster_metadata.",
		},
		{
			key: 57, min: 0, max: 2, serve: message(kmsg.NewPtrUpdateFeaturesRequest, (*exchange).updateFeatures),
			schema: wire.Schema{
				wire.Int32, wire.Array(wire.String, wire.Int16, wire.Bool.To(0), wire.Int8.From(1)),
				wire.Bool.From(1),
			},
			note: "The one feature is chronik.version.",
		},
		{
			key: 60, min: 0, max: 2, serve: message(kmsg.NewPtrDescribeClusterRequest, (*exchange).describeCluster),
			schema: wire.Schema{
				wire.Bool, wire.Int8.From(1), wire.Bool.From(2),
			},
		},
		{
			key: 61, min: 0, max: 0, serve: message(kmsg.NewPtrDescribeProducersRequest, (*exchange).describeProducers),
			schema: wire.Schema{
				topicPartitions,
			},
		},
		{
			key: 63, min: 0, max: 2, internal: true,
			serve: message(kmsg.NewPtrBrokerHeartbeatRequest, (*exchange).brokerHeartbeat),
			schema: wire.Schema{
				wire.Int32, wire.Int64, wire.Int64, wire.Bool, wire.Bool,
			},
		},
		{
			key: 64, min: 0, max: 0, serve: message(kmsg.NewPtrUnregisterBrokerRequest, (*exchange).unregisterBroker),
			schema: wire.Schema{
				wire.Int32,
			},
			note: "A broker that is in service and holds replicas is not unregistered: the answer is INVALID_REQUEST.",
		},
		{
			key: 74, min: 0, max: 1,
			serve: message(kmsg.NewPtrListConfigResourcesRequest, (*exchange).listConfigResources),
			schema: wire.Schema{
				wire.Values(wire.Int8).From(1),
			},
		},
		{
			key: 75, min: 0, max: 0,
			serve: message(kmsg.NewPtrDescribeTopicPartitionsRequest, (*exchange).describeTopicPartitions),
			schema: wire.Schema{
				wire.Array(wire.String), wire.Int32, wire.Optional(wire.String, wire.Int32),
			},
		},
		{
			key: 80, min: 0, max: 1, clustered: true,
			serve: message(kmsg.NewPtrAddRaftVoterRequest, (*exchange).addRaftVoter),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.Int32, wire.UUID, wire.Array(wire.String, wire.String, wire.Int16),
				wire.Bool.From(1),
			},
			note: "In a cluster only. The node starts without a vote, and becomes a voter when it has caught up, " +
				"if there are fewer than five.",
		},
		{
			key: 81, min: 0, max: 0, clustered: true,
			serve: message(kmsg.NewPtrRemoveRaftVoterRequest, (*exchange).removeRaftVoter),
			schema: wire.Schema{
				wire.String, wire.Int32, wire.UUID,
			},
			note: "In a cluster only. It removes nodes without a vote, too; " +
				"the node's broker must be unregistered before.",
		},
	}
}
