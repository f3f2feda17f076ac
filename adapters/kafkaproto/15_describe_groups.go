package kafkaproto

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// DescribeGroups: v0-6.
//
// * v3: authorized operations (KIP-430); v4: instance ids (KIP-345)
// * v6: a missing group is GROUP_ID_NOT_FOUND, not only Dead (KIP-1043)

// memberFootprint is the estimated size in bytes of a member without its texts and bytes, as kmsg's message and encoded
// together.
const memberFootprint = 200

// groupFootprint estimates how many bytes a group takes in an answer.
func groupFootprint(d *classic.Description) (n int) {
	for i := range d.Members {
		m := &d.Members[i]
		n += memberFootprint + len(m.MemberID) + len(m.InstanceID) + len(m.Client.ID) + len(m.Client.Host) +
			len(m.Metadata) + len(m.Assignment)
	}
	return n
}

func (x *exchange) describeGroups(req *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	for _, id := range req.Groups {
		d := x.services().Groups.Describe(x.ctx, id)
		if err := x.reservePart(fault.CoordinatorLoadInProgress, groupFootprint(&d)); err != nil {
			d = classic.Description{Group: id, Err: err}
		}
		if errors.Is(d.Err, fault.GroupIDNotFound) && req.Version < 6 {
			d.Err = nil
		}
		out := kmsg.NewDescribeGroupsResponseGroup()
		out.Group = id
		out.State = d.State
		out.ProtocolType = d.ProtocolType
		out.Protocol = d.Protocol
		out.ErrorCode, out.ErrorMessage = x.code(d.Err), kafkaerrors.Message(d.Err)
		if req.IncludeAuthorizedOperations && d.Err == nil {
			out.AuthorizedOperations = groupOperations()
		}
		for _, m := range d.Members {
			member := kmsg.NewDescribeGroupsResponseGroupMember()
			member.MemberID = m.MemberID
			member.InstanceID = nilIfEmpty(m.InstanceID)
			member.ClientID = m.Client.ID
			member.ClientHost = m.Client.Host
			member.ProtocolMetadata, member.MemberAssignment = m.Metadata, m.Assignment
			out.Members = append(out.Members, member)
		}
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}
