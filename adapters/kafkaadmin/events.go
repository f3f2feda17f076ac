package kafkaadmin

// Event is something that has happened while a cluster is changed, or that is waited for now. Settings.Tell gets each as it
// comes; what came of it all is what the use case returns.
type Event interface{ event() }

// The events.
type (
	// NodeMayJoin says that a node is known to the cluster and can be started.
	NodeMayJoin struct {
		Node        int32
		RaftAddress string // host:port, as it must stand among the node's peers
	}
	// AwaitingService says that a node is waited for to come into service.
	AwaitingService struct{ Node int32 }
	// NodeInService says that a node has come into service.
	NodeInService struct{ Node int32 }
	// AwaitingReassignments says that others move partitions, and that no plan can be made before they are done.
	AwaitingReassignments struct{ Partitions int }
	// PartitionsMoved says how far a plan has been carried out.
	PartitionsMoved struct{ Done, All int }
	// MetadataLed says that a node has become the leader of the metadata.
	MetadataLed struct{ Node int32 }
	// AwaitingStop says that a node that was unregistered is waited for to stop by itself.
	AwaitingStop struct{ Address string }
	// RemovalRepeated says why a node could not be removed and that all is tried again: a topic was created meanwhile, or
	// the node was started again.
	RemovalRepeated struct{ Err error }
	// NodeRemoved says that a node is no part of the cluster any more.
	NodeRemoved struct{ Node int32 }
)

func (NodeMayJoin) event()           {}
func (AwaitingService) event()       {}
func (NodeInService) event()         {}
func (AwaitingReassignments) event() {}
func (PartitionsMoved) event()       {}
func (MetadataLed) event()           {}
func (AwaitingStop) event()          {}
func (RemovalRepeated) event()       {}
func (NodeRemoved) event()           {}
