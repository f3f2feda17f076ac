package kafkaproto

import "github.com/twmb/franz-go/pkg/kmsg"

// DeleteGroups: v0-2.

func (x *exchange) deleteGroups(req *kmsg.DeleteGroupsRequest) *kmsg.DeleteGroupsResponse {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	seen := make(map[string]bool, len(req.Groups))
	for _, id := range req.Groups {
		if seen[id] {
			continue
		}
		seen[id] = true
		out := kmsg.NewDeleteGroupsResponseGroup()
		out.Group, out.ErrorCode = id, x.code(x.services().Groups.Delete(x.ctx, id))
		resp.Groups = append(resp.Groups, out)
	}
	return resp
}
