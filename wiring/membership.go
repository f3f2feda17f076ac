package wiring

import (
	"github.com/chronik-stream/chronik/adapters/kafkaproto"
)

//go:generate ./generate

// membership is this node's place among the nodes.
type membership struct{ nodeID int32 }

// clusterWork is what a broker does as a node of a cluster. Of one that is alone it is the zero
// value, but for the quorum.
type clusterWork struct {
	early      []stage // before clients are served
	late       []stage // while clients are served
	controller kafkaproto.Controller
	quorum     kafkaproto.Quorum
	voters     kafkaproto.Voters
	nodes      *kafkaproto.Nodes
	serving    <-chan struct{} // closed when the broker is in service in its cluster, nil when it is from the start
	ready      func() error    // why the node should not be counted on, nil for no reason
	throttled  func() int64    // bytes per second that are fetched for throttled replicas, nil where nothing is fetched
	reload     func()          // looks at the node's certificate again
}
