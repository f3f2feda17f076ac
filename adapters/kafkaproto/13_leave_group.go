package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// LeaveGroup: v0-5.
//
// * v3: many members at once, by member or instance id (KIP-345); v5: a reason (KIP-800)

func (x *exchange) leaveGroup(req *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	var members []classic.LeaveMember
	if req.Version < 3 {
		members = append(members, classic.LeaveMember{MemberID: req.MemberID})
	}
	for _, m := range req.Members {
		members = append(members, classic.LeaveMember{
			MemberID: m.MemberID, InstanceID: orEmpty(m.InstanceID), Reason: orEmpty(m.Reason),
		})
	}
	err := x.services().Groups.Leave(x.ctx, req.Group, members)

	resp := kmsg.NewPtrLeaveGroupResponse()
	resp.ErrorCode = x.code(err)
	if err != nil {
		return resp
	}
	if req.Version < 3 {
		resp.ErrorCode = x.code(members[0].Err)
		return resp
	}
	for i, m := range members {
		out := kmsg.NewLeaveGroupResponseMember()
		out.MemberID, out.InstanceID, out.ErrorCode = m.MemberID, req.Members[i].InstanceID, x.code(m.Err)
		resp.Members = append(resp.Members, out)
	}
	return resp
}
