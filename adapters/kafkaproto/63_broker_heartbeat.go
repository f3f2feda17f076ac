package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/ports"
)

// BrokerHeartbeat: v0-2 (KIP-631), between the brokers of a cluster. As in Kafka it is not announced to clients.

func (x *exchange) brokerHeartbeat(req *kmsg.BrokerHeartbeatRequest) *kmsg.BrokerHeartbeatResponse {
	resp := kmsg.NewPtrBrokerHeartbeatResponse()
	if err := x.speaksFor(req.BrokerID); err != nil {
		resp.ErrorCode, resp.IsFenced = x.code(err), true
		return resp
	}
	ctx, stop := x.waiting(true)
	defer stop()
	reply, err := x.services().Controller.Heartbeat(ctx, ports.BrokerHeartbeat{
		BrokerID: req.BrokerID, BrokerEpoch: req.BrokerEpoch, MetadataIndex: req.CurrentMetadataOffset,
		WantFence: req.WantFence, WantShutDown: req.WantShutdown,
	})
	if err == nil {
		x.conn.server.noteHeartbeat(req.BrokerID, x.conn)
	}
	resp.ErrorCode = x.code(err)
	resp.IsCaughtUp, resp.IsFenced, resp.ShouldShutdown = reply.CaughtUp, reply.Fenced || err != nil, reply.ShouldShutDown
	return resp
}

// noteHeartbeat records the connection over which a broker sends its heartbeats.
func (s *Server) noteHeartbeat(broker int32, c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return // the server itself closes its connections now
	}
	s.heartbeats[broker] = c
}

// lost reports to the controller the brokers whose heartbeats came over the connection, which has ended.
func (s *Server) lost(c *conn) {
	var brokers []int32
	s.mu.Lock()
	for broker, by := range s.heartbeats {
		if by == c {
			delete(s.heartbeats, broker)
			if !s.draining {
				brokers = append(brokers, broker)
			}
		}
	}
	s.mu.Unlock()
	for _, broker := range brokers {
		s.services.Controller.Disconnected(broker)
	}
}
