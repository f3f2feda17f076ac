package kafkaadmin

// Event is something that has happened while a cluster is changed, or that is being waited for. Settings.Report
// receives each as it occurs; the method that was called returns the result.
type Event interface{ event() }

// The events.
type (
	// NodeMayJoin says that a node was added to the cluster and can be started.
	NodeMayJoin struct {
		Node        int32
		RaftAddress string // host:port, as it must stand among the node's peers
	}
	// AwaitingCluster says why the command cannot go on for now: Err is what the cluster answers. It is reported after
	// some seconds.
	AwaitingCluster struct{ Err error }
	// AwaitingService says that the command waits until a node has registered and is unfenced.
	AwaitingService struct{ Node int32 }
	// NodeInService says that a node is registered and unfenced.
	NodeInService struct{ Node int32 }
	// AwaitingReassignments says that partitions are being reassigned already, and that no plan can be made before that
	// ends.
	AwaitingReassignments struct{ Partitions int }
	// PartitionsMoved is the progress of a plan.
	PartitionsMoved struct{ Done, All int }
	// MetadataLed says that a node has become the leader of the metadata.
	MetadataLed struct{ Node int32 }
	// AwaitingStop says that the command waits until an unregistered node has stopped by itself.
	AwaitingStop struct{ Address string }
	// RemovalRepeated says why a node could not be removed, and that the removal is repeated: a topic was created
	// meanwhile, or the node was started again.
	RemovalRepeated struct{ Err error }
	// NodeRemoved says that a node was removed from the cluster.
	NodeRemoved struct{ Node int32 }
)

func (NodeMayJoin) event()           {}
func (AwaitingCluster) event()       {}
func (AwaitingService) event()       {}
func (NodeInService) event()         {}
func (AwaitingReassignments) event() {}
func (PartitionsMoved) event()       {}
func (MetadataLed) event()           {}
func (AwaitingStop) event()          {}
func (RemovalRepeated) event()       {}
func (NodeRemoved) event()           {}
