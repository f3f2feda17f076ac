package kafkaproto

import (
	"bytes"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// api is one API of the protocol, in the versions that are fully implemented.
type api struct {
	key      int16
	min, max int16 // versions, both included
	// schema is what a request must look like before kmsg may decode it; nil for those with a decoder of their own.
	schema schema
	serve  func(*exchange) error

	// internal is an API between brokers, which is not announced to clients, and served in a cluster only.
	internal bool
	// clustered is an API that is served, and announced, in a cluster only.
	clustered bool

	// note tells users what is special about this broker's answers; "" for nothing.
	note string

	name     string // "" for what kmsg calls it
	flexible int16  // the first version whose requests are flexible (KIP-482)
}

const (
	produceKey     = 0
	fetchKey       = 1
	apiVersionsKey = 18
)

const noAuthorizer = "Without an authorizer, which there is none of yet, the answer is SECURITY_DISABLED."

// The parts that many requests share.
var (
	topicPartitions = array(tString, values(tInt32))
	aclFilter       = schema{tInt8, tString, tInt8, tString, tString, tInt8, tInt8}
)

// apiTable is every API that this broker serves. Dispatching, ApiVersions, the names in metrics and the table in
// docs/compatibility.md all come from here. The versions are those of Apache Kafka 4.3.1.
func apiTable() []api {
	return []api{
		{
			key: produceKey, min: 0, max: 13, serve: (*exchange).produce,
			note: "Versions 0 to 2 are announced for librdkafka's sake and refused with UNSUPPORTED_VERSION. No transactions.",
		},
		{
			key: fetchKey, min: 4, max: 18, serve: (*exchange).fetch,
			note: "Batches are whole. Kafka fills an answer up with the beginning of another batch, which clients drop and ask for again.",
		},
		{key: 2, min: 1, max: 11, serve: message(kmsg.NewPtrListOffsetsRequest, (*exchange).listOffsets), schema: schema{
			tInt32, tInt8.from(2), array(tString, array(tInt32, tInt32.from(4), tInt64)), tInt32.from(10),
		}},
		{key: 3, min: 0, max: 13, serve: message(kmsg.NewPtrMetadataRequest, (*exchange).metadata), schema: schema{
			array(tUUID.from(10), tString).orNull(), tBool.from(4), tBool.from(8).to(10), tBool.from(8),
		}, note: "A topic that is created because it was asked about is there when the answer comes. Kafka answers UNKNOWN_TOPIC_OR_PARTITION and " +
			"creates it in the background: clients ask again, and a slow one gives up."},
		{key: 8, min: 2, max: 10, serve: message(kmsg.NewPtrOffsetCommitRequest, (*exchange).offsetCommit), schema: schema{
			tString, tInt32, tString, tString.from(7), tInt64.to(4),
			array(tString.to(9), tUUID.from(10), array(tInt32, tInt64, tInt32.from(6), tString)),
		}},
		{key: 9, min: 1, max: 10, serve: message(kmsg.NewPtrOffsetFetchRequest, (*exchange).offsetFetch), schema: schema{
			tString.to(7), topicPartitions.to(7).orNull(),
			array(tString, tString.from(9), tInt32.from(9), array(tString.to(9), tUUID.from(10), values(tInt32)).orNull()).from(8), tBool.from(7),
		}},
		{key: 10, min: 0, max: 6, serve: message(kmsg.NewPtrFindCoordinatorRequest, (*exchange).findCoordinator), schema: schema{
			tString.to(3), tInt8.from(1), values(tString).from(4),
		}, note: "Coordinators of groups. Those of transactions are refused with UNSUPPORTED_VERSION, those of share groups with INVALID_REQUEST."},
		{key: 11, min: 0, max: 9, serve: message(kmsg.NewPtrJoinGroupRequest, (*exchange).joinGroup), schema: schema{
			tString, tInt32, tInt32.from(1), tString, tString.from(5), tString, array(tString, tBytes), tString.from(8),
		}},
		{key: 12, min: 0, max: 4, serve: message(kmsg.NewPtrHeartbeatRequest, (*exchange).heartbeat), schema: schema{
			tString, tInt32, tString, tString.from(3),
		}},
		{key: 13, min: 0, max: 5, serve: message(kmsg.NewPtrLeaveGroupRequest, (*exchange).leaveGroup), schema: schema{
			tString, tString.to(2), array(tString, tString, tString.from(5)).from(3),
		}},
		{key: 14, min: 0, max: 5, serve: message(kmsg.NewPtrSyncGroupRequest, (*exchange).syncGroup), schema: schema{
			tString, tInt32, tString, tString.from(3), tString.from(5), tString.from(5), array(tString, tBytes),
		}},
		{key: 15, min: 0, max: 6, serve: message(kmsg.NewPtrDescribeGroupsRequest, (*exchange).describeGroups), schema: schema{
			values(tString), tBool.from(3),
		}},
		{key: 16, min: 0, max: 5, serve: message(kmsg.NewPtrListGroupsRequest, (*exchange).listGroups), schema: schema{
			values(tString).from(4), values(tString).from(5),
		}},
		{key: apiVersionsKey, min: 0, max: 4, serve: message(kmsg.NewPtrApiVersionsRequest, (*exchange).apiVersions), schema: schema{
			tString.from(3), tString.from(3),
		}},
		{key: 19, min: 2, max: 7, serve: message(kmsg.NewPtrCreateTopicsRequest, (*exchange).createTopics), schema: schema{
			array(tString, tInt32, tInt16, array(tInt32, values(tInt32)), array(tString, tString)), tInt32, tBool,
		}},
		{key: 20, min: 1, max: 6, serve: message(kmsg.NewPtrDeleteTopicsRequest, (*exchange).deleteTopics), schema: schema{
			values(tString).to(5), array(tString, tUUID).from(6), tInt32,
		}},
		{key: 21, min: 0, max: 2, serve: message(kmsg.NewPtrDeleteRecordsRequest, (*exchange).deleteRecords), schema: schema{
			array(tString, array(tInt32, tInt64)), tInt32,
		}},
		{key: 22, min: 0, max: 5, serve: message(kmsg.NewPtrInitProducerIDRequest, (*exchange).initProducerID), schema: schema{
			tString, tInt32, tInt64.from(3), tInt16.from(3),
		}, note: "For idempotent producers. A transactional id is refused with UNSUPPORTED_VERSION."},
		{key: 23, min: 2, max: 4, serve: message(kmsg.NewPtrOffsetForLeaderEpochRequest, (*exchange).offsetForLeaderEpoch), schema: schema{
			tInt32.from(3), array(tString, array(tInt32, tInt32, tInt32)),
		}},
		{key: 29, min: 1, max: 3, serve: message(kmsg.NewPtrDescribeACLsRequest, (*exchange).describeACLs), schema: aclFilter, note: noAuthorizer},
		{key: 30, min: 1, max: 3, serve: message(kmsg.NewPtrCreateACLsRequest, (*exchange).createACLs), schema: schema{array(aclFilter...)}, note: noAuthorizer},
		{key: 31, min: 1, max: 3, serve: message(kmsg.NewPtrDeleteACLsRequest, (*exchange).deleteACLs), schema: schema{array(aclFilter...)}, note: noAuthorizer},
		{key: 32, min: 1, max: 4, serve: message(kmsg.NewPtrDescribeConfigsRequest, (*exchange).describeConfigs), schema: schema{
			array(tInt8, tString, values(tString).orNull()), tBool, tBool.from(3),
		}},
		{key: 33, min: 0, max: 2, serve: message(kmsg.NewPtrAlterConfigsRequest, (*exchange).alterConfigs), schema: schema{
			array(tInt8, tString, array(tString, tString)), tBool,
		}},
		{key: 35, min: 1, max: 5, serve: message(kmsg.NewPtrDescribeLogDirsRequest, (*exchange).describeLogDirs), schema: schema{
			topicPartitions.orNull(),
		}},
		{key: 37, min: 0, max: 3, serve: message(kmsg.NewPtrCreatePartitionsRequest, (*exchange).createPartitions), schema: schema{
			array(tString, tInt32, array(values(tInt32)).orNull()), tInt32, tBool,
		}},
		{key: 42, min: 0, max: 2, serve: message(kmsg.NewPtrDeleteGroupsRequest, (*exchange).deleteGroups), schema: schema{
			values(tString),
		}},
		{key: 43, min: 0, max: 2, serve: message(kmsg.NewPtrElectLeadersRequest, (*exchange).electLeaders), schema: schema{
			tInt8.from(1), topicPartitions.orNull(), tInt32,
		}, note: "In a cluster, a preferred election of __cluster_metadata-0 makes the broker that is asked the leader of the metadata."},
		{key: 44, min: 0, max: 1, serve: message(kmsg.NewPtrIncrementalAlterConfigsRequest, (*exchange).incrementalAlterConfigs), schema: schema{
			array(tInt8, tString, array(tString, tInt8, tString)), tBool,
		}},
		{
			key: 45, min: 0, max: 1, name: "AlterPartitionReassignments",
			serve: message(kmsg.NewPtrAlterPartitionAssignmentsRequest, (*exchange).alterPartitionReassignments), schema: schema{
				tInt32, tBool.from(1), array(tString, array(tInt32, values(tInt32).orNull())),
			},
		},
		{key: 46, min: 0, max: 0, serve: message(kmsg.NewPtrListPartitionReassignmentsRequest, (*exchange).listPartitionReassignments), schema: schema{
			tInt32, topicPartitions.orNull(),
		}},
		{key: 47, min: 0, max: 0, serve: message(kmsg.NewPtrOffsetDeleteRequest, (*exchange).offsetDelete), schema: schema{
			tString, array(tString, array(tInt32)),
		}},
		{key: 55, min: 0, max: 2, serve: message(kmsg.NewPtrDescribeQuorumRequest, (*exchange).describeQuorum), schema: schema{
			array(tString, array(tInt32)),
		}, note: "The metadata is described as if it were kept in __cluster_metadata."},
		{key: 57, min: 0, max: 2, serve: message(kmsg.NewPtrUpdateFeaturesRequest, (*exchange).updateFeatures), schema: schema{
			tInt32, array(tString, tInt16, tBool.to(0), tInt8.from(1)), tBool.from(1),
		}, note: "The one feature is chronik.version."},
		{key: 60, min: 0, max: 2, serve: message(kmsg.NewPtrDescribeClusterRequest, (*exchange).describeCluster), schema: schema{
			tBool, tInt8.from(1), tBool.from(2),
		}},
		{key: 61, min: 0, max: 0, serve: message(kmsg.NewPtrDescribeProducersRequest, (*exchange).describeProducers), schema: schema{
			topicPartitions,
		}},
		{key: 63, min: 0, max: 2, internal: true, serve: message(kmsg.NewPtrBrokerHeartbeatRequest, (*exchange).brokerHeartbeat), schema: schema{
			tInt32, tInt64, tInt64, tBool, tBool,
		}},
		{key: 64, min: 0, max: 0, serve: message(kmsg.NewPtrUnregisterBrokerRequest, (*exchange).unregisterBroker), schema: schema{
			tInt32,
		}, note: "A broker that is in service and holds replicas is not unregistered: the answer is INVALID_REQUEST."},
		{key: 74, min: 0, max: 1, serve: message(kmsg.NewPtrListConfigResourcesRequest, (*exchange).listConfigResources), schema: schema{
			values(tInt8).from(1),
		}},
		{key: 75, min: 0, max: 0, serve: message(kmsg.NewPtrDescribeTopicPartitionsRequest, (*exchange).describeTopicPartitions), schema: schema{
			array(tString), tInt32, optional(tString, tInt32),
		}},
		{
			key: 80, min: 0, max: 1, clustered: true, serve: message(kmsg.NewPtrAddRaftVoterRequest, (*exchange).addRaftVoter), schema: schema{
				tString, tInt32, tInt32, tUUID, array(tString, tString, tInt16), tBool.from(1),
			}, note: "In a cluster only. The node begins without a vote, and takes one when it runs and has caught up, if fewer than five have one.",
		},
		{
			key: 81, min: 0, max: 0, clustered: true, serve: message(kmsg.NewPtrRemoveRaftVoterRequest, (*exchange).removeRaftVoter), schema: schema{
				tString, tInt32, tUUID,
			}, note: "In a cluster only. Nodes without a vote are removed by it, too; the node's broker must be unregistered before.",
		},
	}
}

// message is the handler of an API whose messages kmsg decodes and encodes.
func message[Req kmsg.Request, Resp kmsg.Response](request func() Req, serve func(*exchange, Req) Resp) func(*exchange) error {
	return func(x *exchange) error {
		req := request()
		req.SetVersion(x.version)
		cost, err := x.api.schema.check(x.body, x.version, req.IsFlexible())
		if err != nil {
			return badInput{x.malformed(err)}
		}
		if err := x.charge(cost); err != nil {
			return err
		}
		// kmsg copies strings, but not bytes. The requests that have some are small.
		body := x.body
		if x.api.schema.hasBytes() {
			body = bytes.Clone(body)
		}
		if err := req.ReadFrom(body); err != nil {
			return badInput{x.malformed(err)}
		}
		x.body = nil
		x.frame.release()
		x.respond(serve(x, req))
		x.conn.ready(x)
		return nil
	}
}

// cheapRequest is up to which cost, in bytes, a decoded request is not worth counting.
const cheapRequest = 64 << 10

// charge takes memory for a request, or a part of one, that costs so many bytes when decoded. A request that
// could never be held is refused.
func (x *exchange) charge(cost int) error {
	x.cost += cost
	switch most := int(x.conn.server.limits.ResponseMemory); {
	case x.cost <= cheapRequest:
		return nil
	case x.cost > most:
		return badInput{x.malformed(fmt.Errorf("it takes over %d bytes of memory to decode, allowed %d", x.cost, most))}
	}
	return x.reserve(cost)
}

// indexAPIs completes the table's entries and puts each at its key.
func indexAPIs(table []api) []*api {
	var byKey []*api
	for i := range table {
		a := &table[i]
		req := kmsg.RequestForKey(a.key)
		if a.name == "" {
			a.name = kmsg.NameForKey(a.key)
		}
		for req.SetVersion(a.flexible); !req.IsFlexible(); req.SetVersion(a.flexible) {
			if a.flexible++; a.flexible > req.MaxVersion() {
				a.flexible = latestVersion
				break
			}
		}
		for int(a.key) >= len(byKey) {
			byKey = append(byKey, nil)
		}
		byKey[a.key] = a
	}
	return byKey
}

// api returns the API with that key, nil when it is not served.
func (s *Server) api(key int16) *api {
	if key < 0 || int(key) >= len(s.apis) {
		return nil
	}
	if a := s.apis[key]; a != nil && (a.internal && s.services.Controller == nil || a.clustered && s.services.Voters == nil) {
		return nil
	}
	return s.apis[key]
}

// flexible reports whether requests of this key and version are flexible.
func (s *Server) flexible(key, version int16) bool {
	a := s.api(key)
	return a != nil && version >= a.flexible
}
