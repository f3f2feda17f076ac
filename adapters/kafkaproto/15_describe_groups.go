package kafkaproto

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// DescribeGroups: v0-6.
//
// * v3: authorized operations (KIP-430); v4: instance ids (KIP-345)
// * v6: a group that is not there is GROUP_ID_NOT_FOUND, not only Dead (KIP-1043)

func (x *exchange) describeGroups(req *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	for _, id := range req.Groups {
		d := x.services().Groups.Describe(x.ctx, id)
		if errors.Is(d.Err, fault.GroupIDNotFound) && req.Version < 6 {
			d.Err = nil
		}
		out := kmsg.NewDescribeGroupsResponseGroup()
		out.Group, out.State, out.ProtocolType, out.Protocol = id, d.State, d.ProtocolType, d.Protocol
		out.ErrorCode, out.ErrorMessage = x.code(d.Err), kafkaerrors.Message(d.Err)
		if req.IncludeAuthorizedOperations && d.Err == nil {
			out.AuthorizedOperations = groupOperations()
		}
		for _, m := range d.Members {
			member := kmsg.NewDescribeGroupsResponseGroupMember()
			member.MemberID, member.InstanceID, member.ClientID, member.ClientHost = m.MemberID, nilIfEmpty(m.InstanceID), m.Client.ID, m.Client.Host
			member.ProtocolMetadata, member.MemberAssignment = m.Metadata, m.Assignment
			out.Members = append(out.Members, member)
		}
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}
