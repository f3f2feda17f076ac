package replication

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/ports"
)

// Heartbeat implements ports.Peers by Kafka's BrokerHeartbeat.
func (p *Peers) Heartbeat(ctx context.Context, node int32, beat ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	req, resp := kmsg.NewPtrBrokerHeartbeatRequest(), kmsg.NewPtrBrokerHeartbeatResponse()
	req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset = beat.BrokerID, beat.BrokerEpoch, beat.MetadataIndex
	req.WantFence, req.WantShutdown = beat.WantFence, beat.WantShutDown
	l := p.on(p.beats, node)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := p.ask(ctx, l, node, req, resp); err != nil {
		return ports.BrokerHeartbeatReply{}, err
	}
	if err := faultOf(resp.ErrorCode); err != nil {
		return ports.BrokerHeartbeatReply{}, p.distrusted(ctx, node, err)
	}
	return ports.BrokerHeartbeatReply{CaughtUp: resp.IsCaughtUp, Fenced: resp.IsFenced, ShouldShutDown: resp.ShouldShutdown}, nil
}
