package replication

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/ports"
)

// Heartbeat implements ports.Heartbeats by Kafka's BrokerHeartbeat.
func (p *Peers) Heartbeat(
	ctx context.Context, node int32, beat ports.BrokerHeartbeat,
) (ports.BrokerHeartbeatReply, error) {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.BrokerID, req.BrokerEpoch, req.CurrentMetadataOffset = beat.BrokerID, beat.BrokerEpoch, beat.MetadataIndex
	req.WantFence, req.WantShutdown = beat.WantFence, beat.WantShutDown
	l := p.on(p.beats, node)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := p.connect(ctx, l, node); err != nil {
		return ports.BrokerHeartbeatReply{}, err
	}
	answer, err := p.ask(ctx, l, node, req)
	if err != nil {
		return ports.BrokerHeartbeatReply{}, err
	}
	resp := answer.(*kmsg.BrokerHeartbeatResponse)
	if err := faultOf(resp.ErrorCode); err != nil {
		return ports.BrokerHeartbeatReply{}, p.distrusted(ctx, node, err)
	}
	return ports.BrokerHeartbeatReply{
		CaughtUp:       resp.IsCaughtUp,
		Fenced:         resp.IsFenced,
		ShouldShutDown: resp.ShouldShutdown,
	}, nil
}
