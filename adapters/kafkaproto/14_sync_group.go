package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// SyncGroup: v0-5.
//
// * v3: static members (KIP-345); v5: the protocol's type and name, which are checked and returned (KIP-559)

func (x *exchange) syncGroup(req *kmsg.SyncGroupRequest) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	if req.Version >= 5 && (req.ProtocolType == nil || req.Protocol == nil) {
		resp.ErrorCode = x.code(fault.InconsistentGroupProtocol)
		return resp
	}
	sync := classic.SyncRequest{
		Group: req.Group, MemberID: req.MemberID, InstanceID: orEmpty(req.InstanceID), Generation: req.Generation,
		ProtocolType: req.ProtocolType, Protocol: req.Protocol,
		Assignments: make(map[string][]byte, len(req.GroupAssignment)),
	}
	for _, a := range req.GroupAssignment {
		sync.Assignments[a.MemberID] = a.MemberAssignment
	}
	ctx, stop := x.waiting(true)
	synced := x.services().Groups.Sync(ctx, sync)
	stop()

	resp.ErrorCode, resp.MemberAssignment = x.code(synced.Err), synced.Assignment
	if synced.Err == nil {
		resp.ProtocolType, resp.Protocol = &synced.ProtocolType, &synced.Protocol
	}
	return resp
}
