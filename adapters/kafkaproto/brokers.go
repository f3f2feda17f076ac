package kafkaproto

import (
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// endpoint is a broker as clients reach it.
type endpoint struct {
	node   int32
	host   string
	port   int32
	rack   *string // nil for none
	fenced bool
}

// self is this broker, by the address that this connection's client is to use.
func (x *exchange) self() endpoint {
	node := x.services().Cluster.NodeID()
	e := endpoint{node: node}
	e.host, e.port = x.conn.host()
	if b, ok := x.services().Cluster.Image().Broker(node); ok && b.Rack != "" {
		e.rack = &b.Rack
	}
	return e
}

// awaitService waits until this broker is in service for the first time, or for as long as Limits.Start. Before that, what it knows of the cluster
// may be of another time, or that no broker is in service, as when all start at once. Apache Kafka takes no connections until then.
func (x *exchange) awaitService() {
	serving := x.services().Serving
	if serving == nil {
		return
	}
	select {
	case <-serving:
		return
	default:
	}
	ctx, stop := x.waiting(true)
	defer stop()
	timer := time.NewTimer(x.conn.server.limits.Start)
	defer timer.Stop()
	select {
	case <-serving:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// brokers returns the brokers in service that clients of this connection's listener can reach. It is this broker when none is: librdkafka forgets
// all brokers that it is not told of, those that it was configured with included, and has nobody left to ask when it is told of none.
func (x *exchange) brokers() []endpoint {
	inService := slices.DeleteFunc(x.allBrokers(), func(e endpoint) bool { return e.fenced })
	if len(inService) == 0 {
		return []endpoint{x.self()}
	}
	return inService
}

// allBrokers is brokers with those that are fenced. This broker is among them before it is registered, too.
func (x *exchange) allBrokers() []endpoint {
	self, known := x.self(), false
	var all []endpoint
	for b := range x.services().Cluster.Image().Brokers() {
		if b.ID == self.node {
			self.fenced, known = b.Fenced, true
			all = append(all, self)
			continue
		}
		if at, ok := b.Endpoint(x.conn.listener.name); ok {
			all = append(all, endpoint{node: b.ID, host: at.Host, port: at.Port, rack: nilIfEmpty(b.Rack), fenced: b.Fenced})
		}
	}
	if !known {
		all = append(all, self)
	}
	return all
}

// clusterView is the metadata as a client of one listener sees it.
type clusterView struct {
	*metadata.Image
	self  int32
	alive map[int32]bool // in service and with an address for the listener
}

func (x *exchange) view() *clusterView {
	v := &clusterView{Image: x.services().Cluster.Image(), self: x.services().Cluster.NodeID(), alive: map[int32]bool{}}
	for _, e := range x.brokers() {
		v.alive[e.node] = true
	}
	v.alive[v.self] = true // whoever asks has reached it
	return v
}

// offline returns those of the replicas whose brokers are not alive.
func (v *clusterView) offline(replicas []int32) []int32 {
	down := []int32{}
	for _, r := range replicas {
		if !v.alive[r] {
			down = append(down, r)
		}
	}
	return down
}

// leader returns the partition's leader, or -1 and why there is none for the client.
func (v *clusterView) leader(p *metadata.Partition) (int32, error) {
	if p.Leader >= 0 && v.alive[p.Leader] {
		return p.Leader, nil
	}
	if b, ok := v.Broker(p.Leader); p.Leader >= 0 && ok && !b.Fenced {
		return -1, fault.ListenerNotFound
	}
	return -1, fault.LeaderNotAvailable
}

// operations returns the bit field of KIP-430 for operations, numbered as in Kafka's AclOperation.
func operations(ops ...int) int32 {
	var bits int32
	for _, op := range ops {
		bits |= 1 << op
	}
	return bits
}

// Kafka's AclOperation.
const (
	opRead            = 3
	opWrite           = 4
	opCreate          = 5
	opDelete          = 6
	opAlter           = 7
	opDescribe        = 8
	opClusterAction   = 9
	opDescribeConfigs = 10
	opAlterConfigs    = 11
	opIdempotentWrite = 12
)

// Without an authorizer everything is allowed that the resource supports.
func topicOperations() int32 {
	return operations(opRead, opWrite, opCreate, opDelete, opAlter, opDescribe, opDescribeConfigs, opAlterConfigs)
}

func groupOperations() int32 {
	return operations(opRead, opDelete, opDescribe, opDescribeConfigs, opAlterConfigs)
}

func clusterOperations() int32 {
	return operations(opCreate, opAlter, opDescribe, opClusterAction, opDescribeConfigs, opAlterConfigs, opIdempotentWrite)
}

// nilIfEmpty returns nil for "".
func nilIfEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// orEmpty returns "" for nil.
func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
