package kafkaproto

import "github.com/twmb/franz-go/pkg/kmsg"

// ListGroups: v0-5.
//
// * v4: states to filter by (KIP-518); v5: types to filter by (KIP-848)

func (x *exchange) listGroups(req *kmsg.ListGroupsRequest) *kmsg.ListGroupsResponse {
	resp := kmsg.NewPtrListGroupsResponse()
	groups, err := x.services().Groups.List(x.ctx, req.StatesFilter, req.TypesFilter)
	resp.ErrorCode = x.code(err)
	for _, g := range groups {
		out := kmsg.NewListGroupsResponseGroup()
		out.Group = g.Group
		out.ProtocolType = g.ProtocolType
		out.GroupState = g.State
		out.GroupType = g.Type
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}
