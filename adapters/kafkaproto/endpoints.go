package kafkaproto

import (
	"slices"
	"time"

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

// awaitService waits until this broker is in service for the first time, or for as long as Limits.Start. Before that, what
// it knows of the cluster may be old, or that no broker is in service, as when all start at once. Apache Kafka takes no
// connections until then.
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

// brokers returns the brokers in service that clients of this connection's listener can reach. It is this broker when none
// is: librdkafka forgets all brokers that it is not told of, also those that it was configured with, and has nobody left to
// ask when it is told of none.
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

// view returns the metadata as this connection's client sees them now. Its topics are found there and nowhere else.
func (x *exchange) view() *metadata.View {
	cluster := x.services().Cluster
	return metadata.ViewOf(cluster.Image(), x.conn.listener.name, cluster.NodeID())
}
