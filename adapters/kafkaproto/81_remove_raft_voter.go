package kafkaproto

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
)

// RemoveRaftVoter: v0 (KIP-853). A directory id of zero matches any directory.

func (x *exchange) removeRaftVoter(req *kmsg.RemoveRaftVoterRequest) *kmsg.RemoveRaftVoterResponse {
	ctx, stop := x.waiting(true)
	defer stop()
	err := x.checkCluster(req.ClusterID)
	if err == nil {
		err = x.services().Voters.Remove(ctx, req.VoterID, req.VoterDirectoryID)
	}
	resp := kmsg.NewPtrRemoveRaftVoterResponse()
	resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
	return resp
}
