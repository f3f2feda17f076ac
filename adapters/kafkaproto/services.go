package kafkaproto

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/groups"
	"github.com/chronik-stream/chronik/core/domain/broker/producerids"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Services are called by the handlers of the APIs. The methods are documented at their implementations in
// core/domain/broker. All but Voters and Controller are required.
type Services struct {
	Topics      Topics
	Configs     Configs
	Metadata    Metadata
	Features    Features
	ProducerIDs ProducerIDs
	Partitions  Partitions
	Assignments Assignments
	Quorum      Quorum
	Voters      Voters // nil unless the broker is a node of a cluster
	Produce     Produce
	Fetch       Fetch
	Offsets     Offsets
	Groups      Groups
	Controller  Controller // nil unless the broker is a node of a cluster

	// Serving is closed when the broker is unfenced for the first time; nil when it is from the start.
	Serving <-chan struct{}
}

var (
	_ Topics      = (*topics.Topics)(nil)
	_ Configs     = (*brokerconfigs.Configs)(nil)
	_ Metadata    = ports.MetadataStore(nil)
	_ Features    = (*controller.Features)(nil)
	_ ProducerIDs = (*producerids.Manager)(nil)
	_ Partitions  = (*replicas.Partitions)(nil)
	_ Assignments = (*controller.Assignments)(nil)
	_ Quorum      = (*controller.SoleQuorum)(nil)
	_ Produce     = (*replicas.Produce)(nil)
	_ Fetch       = (*replicas.Fetch)(nil)
	_ Offsets     = (*replicas.Offsets)(nil)
	_ Groups      = (*groups.Coordinator)(nil)
	_ Controller  = (*controller.Controller)(nil)
)

// Topics is the part of topics.Topics that the handlers use.
type Topics interface {
	Create(ctx context.Context, n topics.NewTopic) (*metadata.Topic, error)
	AutoCreate(ctx context.Context, name string) (topic *metadata.Topic, created bool, err error)
	Delete(ctx context.Context, name string, id metadata.TopicID) (*metadata.Topic, error)
	CreatePartitions(ctx context.Context, name string, count int32, assignments [][]int32, validateOnly bool) error
}

// Configs is the part of brokerconfigs.Configs that the handlers use.
type Configs interface {
	Describe(ctx context.Context, r brokerconfigs.ConfigResource, keys []string,
		synonyms, documentation bool) ([]brokerconfigs.ConfigEntry, error)
	DescribeTopic(t *metadata.Topic) []brokerconfigs.ConfigEntry
	Resources(t metadata.ResourceType) ([]string, error)
	Replace(ctx context.Context, r brokerconfigs.ConfigResource, configs map[string]*string, validateOnly bool) error
	Alter(ctx context.Context, r brokerconfigs.ConfigResource, ops []brokerconfigs.ConfigOp, validateOnly bool) error
	Int(key string) int64
}

// Metadata is the part of ports.MetadataStore that the handlers use.
type Metadata interface {
	Image() *metadata.Image
	Leadership() ports.Leadership
}

// Features is the part of controller.Features that the handlers use.
type Features interface {
	Update(ctx context.Context, updates []metadata.UpdateFeature, validateOnly bool) error
}

// ProducerIDs is the part of producerids.Manager that the handlers use.
type ProducerIDs interface {
	InitProducerID(ctx context.Context, id int64, epoch int16) (newID int64, newEpoch int16, err error)
}

// Partitions is the part of replicas.Partitions that the handlers use.
type Partitions interface {
	LogDir(ctx context.Context, wanted func(topic string, index int32) bool) (ports.LogDir, []ports.LogUsage, error)
	Producers(ctx context.Context, topic string, index int32) ([]partition.Producer, error)
}

// Assignments is the part of controller.Assignments that the handlers use.
type Assignments interface {
	Elect(ctx context.Context, elections []controller.Election, unclean bool)
	ElectAll(ctx context.Context, unclean bool) []controller.Election
	Reassign(ctx context.Context, reassignments []controller.Reassignment, keepFactor bool)
	Unregister(ctx context.Context, id int32) error
}

// Quorum describes the voters and observers of the metadata; see controller.SoleQuorum.
type Quorum interface {
	// forwarded says that another broker, which takes this one for the leader, has forwarded the request.
	Describe(ctx context.Context, forwarded bool) (controller.QuorumDescription, error)
}

// Voters changes the voters and observers of the metadata.
type Voters interface {
	// Add adds a node that the other nodes reach at a raft address. Errors: fault.DuplicateVoter, InvalidRequest,
	// NotController, and RequestTimedOut, after which it may have been done or may still be.
	Add(ctx context.Context, node int32, address string) error
	// Remove removes a node. A directory that is not zero must be the one under which the node votes. Errors:
	// fault.VoterNotFound, and those of Add except DuplicateVoter.
	Remove(ctx context.Context, node int32, directory [16]byte) error
	// Lead makes this node the leader of the metadata. Errors: fault.PreferredLeaderNotAvailable for a node without a
	// vote, NotController and RequestTimedOut.
	Lead(ctx context.Context) error
}

// Controller is the part of controller.Controller that the handlers use.
type Controller interface {
	Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
	Disconnected(brokerID int32)
}

// Produce is the part of replicas.Produce that the handlers use.
type Produce interface {
	Produce(ctx context.Context, req *replicas.ProduceRequest)
}

// Fetch is the part of replicas.Fetch that the handlers use.
type Fetch interface {
	Fetch(ctx context.Context, req *replicas.FetchRequest) *replicas.FetchResponse
}

// Offsets is the part of replicas.Offsets that the handlers use.
type Offsets interface {
	List(ctx context.Context, queries []replicas.OffsetQuery)
	EpochEnds(ctx context.Context, queries []replicas.EpochQuery)
	DeleteRecords(ctx context.Context, queries []replicas.DeleteRecordsQuery)
}

// Groups is the part of groups.Coordinator that the handlers use.
type Groups interface {
	Find(ctx context.Context, groupID string) (brokerID int32, err error)
	Join(ctx context.Context, req classic.JoinRequest) classic.JoinResponse
	Sync(ctx context.Context, req classic.SyncRequest) classic.SyncResponse
	Heartbeat(ctx context.Context, req classic.HeartbeatRequest) error
	Leave(ctx context.Context, groupID string, members []classic.LeaveMember) error
	Commit(ctx context.Context, req *group.CommitRequest) error
	FetchOffsets(ctx context.Context, groupID string, partitions []group.TopicPartition,
		requireStable bool) ([]group.FetchedOffset, error)
	DeleteOffsets(ctx context.Context, groupID string, partitions []group.TopicPartition) ([]error, error)
	Describe(ctx context.Context, groupID string) classic.Description
	List(ctx context.Context, states, types []string) ([]group.Listing, error)
	Delete(ctx context.Context, groupID string) error
}
