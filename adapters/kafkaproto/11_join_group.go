package kafkaproto

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// JoinGroup: v0-9.
//
// * v1: a rebalance time-out apart from the session's (KIP-62); v4: a new member gets its id first (KIP-394)
// * v5: static members (KIP-345); v7: the protocol's type in the answer; v8: a reason (KIP-800); v9: the leader may
//   keep the assignment (KIP-814)

func (x *exchange) joinGroup(req *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	join := classic.JoinRequest{
		Group: req.Group, MemberID: req.MemberID, InstanceID: orEmpty(req.InstanceID), ProtocolType: req.ProtocolType,
		SessionTimeout:   time.Duration(req.SessionTimeoutMillis) * time.Millisecond,
		RebalanceTimeout: time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond,
		Reason:           orEmpty(req.Reason),
		Client:           group.Client{ID: x.clientID, Host: x.conn.peer()},
		RequireMemberID:  req.Version >= 4, CanSkipAssignment: req.Version >= 9,
	}
	if req.Version < 1 {
		join.RebalanceTimeout = join.SessionTimeout
	}
	for _, p := range req.Protocols {
		join.Protocols = append(join.Protocols, classic.Protocol{Name: p.Name, Metadata: p.Metadata})
	}
	ctx, stop := x.waiting(true)
	joined := x.services().Groups.Join(ctx, join)
	stop()

	resp := kmsg.NewPtrJoinGroupResponse()
	resp.ErrorCode = x.code(joined.Err)
	resp.Generation = joined.Generation
	resp.LeaderID = joined.Leader
	resp.MemberID = joined.MemberID
	resp.SkipAssignment = joined.SkipAssignment
	resp.ProtocolType, resp.Protocol = nilIfEmpty(joined.ProtocolType), &joined.Protocol
	if joined.Err != nil {
		resp.Generation = -1
		if req.Version >= 7 {
			resp.ProtocolType, resp.Protocol = nil, nil
		}
	}
	for _, m := range joined.Members {
		member := kmsg.NewJoinGroupResponseMember()
		member.MemberID, member.InstanceID, member.ProtocolMetadata = m.MemberID, nilIfEmpty(m.InstanceID), m.Metadata
		resp.Members = append(resp.Members, member)
	}
	return resp
}
