package metadata

// Command is one change of the metadata. Commands are values; slices and maps in them must not change once the command
// was handed over. A command carries everything that depends on chance or time, such as a new topic's id, because Apply
// is deterministic.
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
	// Partition is the partition as it now is: AlterPartition, ElectLeader, AlterReassignment. An AlterPartition that
	// completes a reassignment may elect another leader than the one that sent it; Kafka answers that with
	// NEW_LEADER_ELECTED.
	Partition *Partition
}

// Block is a range of producer ids: First, First+1, … First+Count-1.
type Block struct{ First, Count int64 }

// InitCluster sets the cluster's id and the first levels of its features. It changes nothing when there is an id
// already.
type InitCluster struct {
	ClusterID string           `cbor:"1,keyasint"`
	Features  map[string]int16 `cbor:"2,keyasint,omitempty"`
}

// RegisterBroker registers a broker when it starts. A new incarnation replaces the old one. If it is Fenced, as brokers
// of a cluster are until they have caught up, the broker leaves the in-sync replicas and loses its leaderships. A
// repeated registration of the same incarnation keeps its epoch and its state, and takes the new endpoints. Errors:
// fault.InvalidRequest, and UnsupportedVersion when the broker's program does not support the level of one of the
// cluster's features.
type RegisterBroker struct {
	ID          int32                 `cbor:"1,keyasint"`
	Incarnation [16]byte              `cbor:"2,keyasint"`
	Rack        string                `cbor:"3,keyasint"`
	Endpoints   []Endpoint            `cbor:"4,keyasint,omitempty"`
	Fenced      bool                  `cbor:"5,keyasint,omitempty"`
	Features    map[string]LevelRange `cbor:"6,keyasint,omitempty"`
}

// UpdateFeature raises a feature to a level that all registered brokers support. Downgrade is Kafka's upgrade type for
// downgrades, which are always refused. Error: fault.InvalidUpdateVersion.
type UpdateFeature struct {
	Name      string `cbor:"1,keyasint"`
	Level     int16  `cbor:"2,keyasint"`
	Downgrade bool   `cbor:"3,keyasint,omitempty"`
}

// FenceBroker fences a broker whose session has ended. It leaves all in-sync replicas, except where it is the last one,
// and other brokers are elected where it was leader. Error: fault.StaleBrokerEpoch.
type FenceBroker struct {
	ID    int32 `cbor:"1,keyasint"`
	Epoch int64 `cbor:"2,keyasint"`
}

// UnfenceBroker ends a broker's fencing: it may be elected in partitions without leader. Error: fault.StaleBrokerEpoch.
type UnfenceBroker struct {
	ID    int32 `cbor:"1,keyasint"`
	Epoch int64 `cbor:"2,keyasint"`
}

// ShutDownBroker begins a broker's controlled shutdown. The broker loses its leaderships and its places in the in-sync
// replicas as if it were fenced, and gets no new ones, but goes on to serve requests. A fenced broker stays as it is.
// Error: fault.StaleBrokerEpoch.
type ShutDownBroker struct {
	ID    int32 `cbor:"1,keyasint"`
	Epoch int64 `cbor:"2,keyasint"`
}

// UnregisterBroker removes a broker that will not come back. Partitions keep it as a replica until they are reassigned.
// Errors: fault.BrokerIDNotRegistered, and InvalidRequest for a broker that is not fenced and holds replicas. Kafka
// unregisters such a broker all the same, which cuts it off from its partitions.
type UnregisterBroker struct {
	ID int32 `cbor:"1,keyasint"`
}

// CreateTopic creates a topic. Either Partitions and ReplicationFactor or Assignments are given (the others are -1, -1
// or nil); the caller has filled in the broker's defaults. Errors: fault.TopicExists, InvalidTopic, InvalidPartitions,
// InvalidReplicationFactor, InvalidReplicaAssignment, InvalidConfig.
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

// AlterPartition is a leader's change of its partition's in-sync replicas (KIP-497). It is valid only for the version
// that the leader has seen. It raises that version even if it changes nothing else, so that of two changes against one
// version only the first counts. A reassignment whose replicas are all in sync afterwards is completed. Errors:
// fault.StaleBrokerEpoch, UnknownTopicID, UnknownTopicOrPartition, FencedLeaderEpoch, NotController (a state from the
// future), InvalidUpdateVersion, IneligibleReplica, InvalidRequest.
type AlterPartition struct {
	TopicID     TopicID `cbor:"1,keyasint"`
	Partition   int32   `cbor:"2,keyasint"`
	BrokerID    int32   `cbor:"3,keyasint"` // the sender: the leader, unless it resigns
	BrokerEpoch int64   `cbor:"4,keyasint"`
	LeaderEpoch int32   `cbor:"5,keyasint"`
	Version     int32   `cbor:"6,keyasint"`
	ISR         []int32 `cbor:"7,keyasint"`
	// ISREpochs are the broker epochs of ISR (KIP-903), so that a replica that has restarted since the leader saw it
	// catch up does not get into the ISR. An epoch of -1 is not checked; nil checks none.
	ISREpochs []int64 `cbor:"8,keyasint,omitempty"`
	// Resigns means that the broker leaves the in-sync replicas, and gives up leadership if it has it, because its log
	// has failed. ISR then is the rest. Kafka's brokers report the failed directory instead.
	Resigns bool `cbor:"9,keyasint,omitempty"`
}

// ElectLeader elects a partition's preferred leader, which is the first of its replicas. With Unclean it elects any
// live replica of a partition without leader, in sync or not, which may lose records. As in Kafka,
// unclean.leader.election.enable does not matter for it, since an operator has decided. Errors:
// fault.UnknownTopicOrPartition, ElectionNotNeeded, PreferredLeaderNotAvailable, EligibleLeadersNotAvailable.
type ElectLeader struct {
	TopicID   TopicID `cbor:"1,keyasint"`
	Partition int32   `cbor:"2,keyasint"`
	Unclean   bool    `cbor:"3,keyasint"`
}

// AlterReassignment moves a partition to Replicas (KIP-455), or cancels the ongoing reassignment when Replicas is nil.
// The partition keeps its old replicas until the new ones are in sync. KeepFactor refuses another number of replicas
// (KIP-860). Errors: fault.UnknownTopicOrPartition, NoReassignmentInProgress, InvalidReplicaAssignment,
// InvalidReplicationFactor.
type AlterReassignment struct {
	TopicID    TopicID `cbor:"1,keyasint"`
	Partition  int32   `cbor:"2,keyasint"`
	Replicas   []int32 `cbor:"3,keyasint"`
	KeepFactor bool    `cbor:"4,keyasint,omitempty"`
}

// AlterConfigs changes the configs of one resource. The caller has computed appends and subtractions, and validated the
// result, from the configs in Seen. Errors: fault.UnknownTopicOrPartition, InvalidConfig, InvalidRequest, and
// InvalidUpdateVersion when Against is set and the resource's configs are no longer Seen.
type AlterConfigs struct {
	Type    ResourceType      `cbor:"1,keyasint"`
	Name    string            `cbor:"2,keyasint"`
	Replace bool              `cbor:"3,keyasint"` // keys not in Set lose their values
	Set     map[string]string `cbor:"4,keyasint"`
	Delete  []string          `cbor:"5,keyasint"`
	Against bool              `cbor:"6,keyasint,omitempty"`
	Seen    map[string]string `cbor:"7,keyasint,omitempty"`
}

// AllocateProducerIDs reserves the next Count producer ids. They are never handed out again.
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
