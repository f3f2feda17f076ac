package kafkaproto

import "github.com/chronik-stream/chronik/core/domain/metadata"

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

// brokers returns the brokers that clients can reach.
func (x *exchange) brokers() []endpoint { return []endpoint{x.self()} }

// alive reports whether a broker is there to serve.
func alive(img *metadata.Image, node, self int32) bool {
	if node == self {
		return true
	}
	b, ok := img.Broker(node)
	return ok && !b.Fenced
}

// offline returns those of the replicas whose brokers are not alive.
func offline(img *metadata.Image, replicas []int32, self int32) []int32 {
	down := []int32{}
	for _, r := range replicas {
		if !alive(img, r, self) {
			down = append(down, r)
		}
	}
	return down
}

// leaderOf returns the partition's leader and, when it has none that is alive, the fault to answer with.
func leaderOf(img *metadata.Image, p *metadata.Partition, self int32) (leader int32, reachable bool) {
	if p.Leader < 0 || !alive(img, p.Leader, self) {
		return -1, false
	}
	return p.Leader, true
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
