package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// Heartbeat: v0-4.
//
// * v3: static members (KIP-345)

func (x *exchange) heartbeat(req *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.ErrorCode = x.code(x.services().Groups.Heartbeat(x.ctx, classic.HeartbeatRequest{
		Group: req.Group, MemberID: req.MemberID, InstanceID: orEmpty(req.InstanceID), Generation: req.Generation,
	}))
	return resp
}
