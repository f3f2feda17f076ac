package metadata

// Command is one change of the metadata. Commands are values; what they refer to must not change
// after they were handed over. Commands that depend on chance or on time carry it (a topic's new
// id, say): Apply is deterministic.
type Command interface {
	// command marks the closed set of commands.
	command()
}

// Result is what a command produced; which fields are set depends on the command.
type Result struct {
	Index       uint64 // the command's number: the image with this Index holds its effect
	Topic       *Topic // CreateTopic, CreatePartitions: the topic as it now is
	ProducerIDs Block  // AllocateProducerIDs
	BrokerEpoch int64  // RegisterBroker
	// Partition is the partition as it now is: AlterPartition, ElectLeader, AlterReassignment. An AlterPartition that completes
	// a reassignment may have elected another leader than the one who asked; Kafka answers that with NEW_LEADER_ELECTED.
	Partition *Partition
}

// Block is a range of producer ids: First, First+1, … First+Count-1.
type Block struct{ First, Count int64 }

// InitCluster gives the cluster its id, and the features their first levels. It changes nothing when there is an id already.
type InitCluster struct {
	ClusterID string           `cbor:"1,keyasint"`
	Features  map[string]int16 `cbor:"2,keyasint,omitempty"`
}

// RegisterBroker announces a broker's start. A registration with a new incarnation replaces the old one, which loses its place
// among the in-sync replicas and its leaderships when the new one is Fenced, as a broker of a cluster is until it has caught
// up. The same incarnation again keeps its epoch and its state, and takes a new address. Errors: fault.InvalidRequest, and
// UnsupportedVersion when the broker's program does not support the level of one of the cluster's features.
type RegisterBroker struct {
	ID          int32                 `cbor:"1,keyasint"`
	Incarnation [16]byte              `cbor:"2,keyasint"`
	Rack        string                `cbor:"3,keyasint"`
	Endpoints   []Endpoint            `cbor:"4,keyasint,omitempty"`
	Fenced      bool                  `cbor:"5,keyasint,omitempty"`
	Features    map[string]LevelRange `cbor:"6,keyasint,omitempty"`
}

// UpdateFeature raises a feature to a level that all registered brokers support. A downgrade is always refused, with Downgrade set for
// another reason. Error: fault.InvalidUpdateVersion.
type UpdateFeature struct {
	Name      string `cbor:"1,keyasint"`
	Level     int16  `cbor:"2,keyasint"`
	Downgrade bool   `cbor:"3,keyasint,omitempty"`
}

// FenceBroker takes a broker, whose session has ended, out of service: it leaves all in-sync replicas, except where it is the
// last one, and others lead what it has led. Error: fault.StaleBrokerEpoch.
type FenceBroker struct {
	ID    int32 `cbor:"1,keyasint"`
	Epoch int64 `cbor:"2,keyasint"`
}

// UnfenceBroker takes a broker into service: where there is no leader it may become it. Error: fault.StaleBrokerEpoch.
type UnfenceBroker struct {
	ID    int32 `cbor:"1,keyasint"`
	Epoch int64 `cbor:"2,keyasint"`
}

// ShutDownBroker begins a broker's controlled shutdown: it hands over as when it is fenced, and is elected and placed
// no more, but goes on to serve. Error: fault.StaleBrokerEpoch. A fenced broker stays as it is.
type ShutDownBroker struct {
	ID    int32 `cbor:"1,keyasint"`
	Epoch int64 `cbor:"2,keyasint"`
}

// UnregisterBroker forgets a broker that will not come back. Partitions keep it as a replica until they are reassigned.
// Errors: fault.BrokerIDNotRegistered, and InvalidRequest for a broker that is not fenced and holds replicas: unlike Kafka, which lets
// such a broker be cut off.
type UnregisterBroker struct {
	ID int32 `cbor:"1,keyasint"`
}

// CreateTopic makes a topic. Either Partitions and ReplicationFactor or Assignments are given (the
// other is -1, -1 or nil); the broker's defaults have been filled in by the caller. Errors:
// fault.TopicExists, InvalidTopic, InvalidPartitions, InvalidReplicationFactor,
// InvalidReplicaAssignment, InvalidConfig.
type CreateTopic struct {
	Name              string            `cbor:"1,keyasint"`
	ID                TopicID           `cbor:"2,keyasint"`
	Partitions        int32             `cbor:"3,keyasint"`
	ReplicationFactor int16             `cbor:"4,keyasint"`
	Assignments       [][]int32         `cbor:"5,keyasint"` // replicas by partition
	Configs           map[string]string `cbor:"6,keyasint"`
}

// DeleteTopic removes the topic with this id. Error: fault.UnknownTopicID.
type DeleteTopic struct {
	ID TopicID `cbor:"1,keyasint"`
}

// CreatePartitions raises a topic's number of partitions to Count. Assignments, when not nil, are the
// replicas of the new ones. Errors: fault.UnknownTopicOrPartition, InvalidPartitions, InvalidReplicaAssignment.
type CreatePartitions struct {
	Topic       string    `cbor:"1,keyasint"`
	Count       int32     `cbor:"2,keyasint"`
	Assignments [][]int32 `cbor:"3,keyasint"`
}

// AlterPartition is a leader's change of its partition's in-sync replicas (KIP-497). It holds only against the state that the
// leader has seen, and raises the partition's version even if it changes nothing: of two changes against one version, one counts.
// A reassignment whose replicas are all in sync then is completed. Errors: fault.StaleBrokerEpoch, UnknownTopicID,
// UnknownTopicOrPartition, FencedLeaderEpoch, NotController (a state from the future), InvalidUpdateVersion, IneligibleReplica,
// InvalidRequest.
type AlterPartition struct {
	TopicID     TopicID `cbor:"1,keyasint"`
	Partition   int32   `cbor:"2,keyasint"`
	BrokerID    int32   `cbor:"3,keyasint"` // who asks: the leader, unless it resigns
	BrokerEpoch int64   `cbor:"4,keyasint"`
	LeaderEpoch int32   `cbor:"5,keyasint"`
	Version     int32   `cbor:"6,keyasint"`
	ISR         []int32 `cbor:"7,keyasint"`
	// ISREpochs are the broker epochs of ISR (KIP-903), so that a replica that has restarted since the leader saw it
	// catch up does not get in; -1 is not checked, and nil checks none.
	ISREpochs []int64 `cbor:"8,keyasint,omitempty"`
	// Resigns says that the broker leaves the in-sync replicas, and the lead if it has it: its log has failed. ISR is what it leaves
	// behind, then. Kafka's brokers report the failed directory instead.
	Resigns bool `cbor:"9,keyasint,omitempty"`
}

// ElectLeader elects a partition's preferred leader, the first of its replicas, or with Unclean any replica that lives where
// there is no leader, in sync or not: records are lost then. It is an operator's order, so that
// unclean.leader.election.enable is not asked, as in Kafka. Errors: fault.UnknownTopicOrPartition, ElectionNotNeeded,
// PreferredLeaderNotAvailable, EligibleLeadersNotAvailable.
type ElectLeader struct {
	TopicID   TopicID `cbor:"1,keyasint"`
	Partition int32   `cbor:"2,keyasint"`
	Unclean   bool    `cbor:"3,keyasint"`
}

// AlterReassignment moves a partition to Replicas (KIP-455), or takes a reassignment under way back when they are nil. The
// partition keeps its old replicas until the new ones are in sync. KeepFactor refuses another number of replicas (KIP-860).
// Errors: fault.UnknownTopicOrPartition, NoReassignmentInProgress, InvalidReplicaAssignment, InvalidReplicationFactor.
type AlterReassignment struct {
	TopicID    TopicID `cbor:"1,keyasint"`
	Partition  int32   `cbor:"2,keyasint"`
	Replicas   []int32 `cbor:"3,keyasint"`
	KeepFactor bool    `cbor:"4,keyasint,omitempty"`
}

// AlterConfigs changes the configs of one resource; the caller has worked out appends and subtractions, and checked the whole, against
// those that it has seen. Errors: fault.UnknownTopicOrPartition, InvalidConfig, InvalidRequest, and InvalidUpdateVersion when Against is set
// and the resource's configs are not Seen any more.
type AlterConfigs struct {
	Type    ResourceType      `cbor:"1,keyasint"`
	Name    string            `cbor:"2,keyasint"`
	Replace bool              `cbor:"3,keyasint"` // keys not in Set lose their values
	Set     map[string]string `cbor:"4,keyasint"`
	Delete  []string          `cbor:"5,keyasint"`
	Against bool              `cbor:"6,keyasint,omitempty"`
	Seen    map[string]string `cbor:"7,keyasint,omitempty"`
}

// AllocateProducerIDs reserves the next Count producer ids for good.
type AllocateProducerIDs struct {
	Count int64 `cbor:"1,keyasint"`
}

func (InitCluster) command()         {}
func (RegisterBroker) command()      {}
func (FenceBroker) command()         {}
func (UnfenceBroker) command()       {}
func (ShutDownBroker) command()      {}
func (UpdateFeature) command()       {}
func (UnregisterBroker) command()    {}
func (CreateTopic) command()         {}
func (DeleteTopic) command()         {}
func (CreatePartitions) command()    {}
func (AlterPartition) command()      {}
func (ElectLeader) command()         {}
func (AlterReassignment) command()   {}
func (AlterConfigs) command()        {}
func (AllocateProducerIDs) command() {}
