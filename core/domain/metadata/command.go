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
}

// Block is a range of producer ids: First, First+1, … First+Count-1.
type Block struct{ First, Count int64 }

// InitCluster gives the cluster its id. It changes nothing when there is one already.
type InitCluster struct {
	ClusterID string `cbor:"1,keyasint"`
}

// RegisterBroker announces a broker's start. A registration with a new incarnation replaces the old one.
type RegisterBroker struct {
	ID          int32    `cbor:"1,keyasint"`
	Incarnation [16]byte `cbor:"2,keyasint"`
	Rack        string   `cbor:"3,keyasint"`
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

// AlterConfigs changes the configs of one resource; the caller has worked out appends and subtractions
// against Image. Errors: fault.UnknownTopicOrPartition, InvalidConfig, InvalidRequest.
type AlterConfigs struct {
	Type    ResourceType      `cbor:"1,keyasint"`
	Name    string            `cbor:"2,keyasint"`
	Replace bool              `cbor:"3,keyasint"` // keys not in Set lose their values
	Set     map[string]string `cbor:"4,keyasint"`
	Delete  []string          `cbor:"5,keyasint"`
}

// AllocateProducerIDs reserves the next Count producer ids for good.
type AllocateProducerIDs struct {
	Count int64 `cbor:"1,keyasint"`
}

func (InitCluster) command()         {}
func (RegisterBroker) command()      {}
func (CreateTopic) command()         {}
func (DeleteTopic) command()         {}
func (CreatePartitions) command()    {}
func (AlterConfigs) command()        {}
func (AllocateProducerIDs) command() {}
