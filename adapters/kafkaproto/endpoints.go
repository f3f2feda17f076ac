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

// self is this broker, with the address for this connection's client.
func (x *exchange) self() endpoint {
	node := x.conn.server.nodeID
	e := endpoint{node: node}
	e.host, e.port = x.conn.host()
	if b, ok := x.services().Metadata.Image().Broker(node); ok && b.Rack != "" {
		e.rack = &b.Rack
	}
	return e
}

// awaitUnfenced waits until this broker is unfenced for the first time, but at most Limits.Start. Before that, its
// metadata may be old, or may have only fenced brokers, as when all start at once. Apache Kafka accepts no connections
// until then.
func (x *exchange) awaitUnfenced() {
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

// brokers returns the unfenced brokers that clients of this connection's listener can reach. If there are none, it
// returns this broker: librdkafka forgets every broker that an answer does not list, even its configured ones, and
// would have none left.
func (x *exchange) brokers() []endpoint {
	inService := slices.DeleteFunc(x.allBrokers(), func(e endpoint) bool { return e.fenced })
	if len(inService) == 0 {
		return []endpoint{x.self()}
	}
	return inService
}

// allBrokers is brokers with the fenced ones. It has this broker even before that is registered.
func (x *exchange) allBrokers() []endpoint {
	self, known := x.self(), false
	var all []endpoint
	for b := range x.services().Metadata.Image().Brokers() {
		if b.ID == self.node {
			self.fenced, known = b.Fenced, true
			all = append(all, self)
			continue
		}
		if at, ok := b.Endpoint(x.conn.listener.name); ok {
			all = append(all, endpoint{
				node: b.ID, host: at.Host, port: at.Port, rack: nilIfEmpty(b.Rack), fenced: b.Fenced,
			})
		}
	}
	if !known {
		all = append(all, self)
	}
	return all
}

// view returns the metadata as this connection's client sees it now. Handlers find topics only there.
func (x *exchange) view() *metadata.View {
	return metadata.ViewOf(x.services().Metadata.Image(), x.conn.listener.name, x.conn.server.nodeID)
}
