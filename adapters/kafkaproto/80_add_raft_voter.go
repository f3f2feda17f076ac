package kafkaproto

import (
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// AddRaftVoter: v0-1 (KIP-853). The node's raft address is that of the first listener. Kafka's voter must run and have
// caught up before it is added; Chronik's node is added first, without a vote. The directory's id is not needed: a node
// reports its own.
//
// * v1: whether to answer before a majority has agreed; this broker always waits

func (x *exchange) addRaftVoter(req *kmsg.AddRaftVoterRequest) *kmsg.AddRaftVoterResponse {
	ctx, stop := x.waiting(true)
	defer stop()
	err := x.checkCluster(req.ClusterID)
	switch {
	case err != nil:
	case req.VoterID < 0:
		err = fault.New(fault.InvalidRequest, "node id %d: a node of a cluster has one of 0 at least", req.VoterID)
	case len(req.Listeners) == 0 || req.Listeners[0].Host == "" || req.Listeners[0].Port == 0:
		err = fault.New(fault.InvalidRequest, "node %d has no address", req.VoterID)
	default:
		at := req.Listeners[0]
		err = x.services().Voters.Add(ctx, req.VoterID, net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port))))
	}
	resp := kmsg.NewPtrAddRaftVoterResponse()
	resp.ErrorCode, resp.ErrorMessage = x.code(err), kafkaerrors.Describe(err)
	return resp
}

// checkCluster refuses a request for another cluster. A request without a cluster id is accepted.
func (x *exchange) checkCluster(id *string) error {
	if own := x.services().Metadata.Image().ClusterID(); id != nil && *id != own {
		return fault.New(fault.InconsistentClusterID, "this is cluster %s, not %s", own, *id)
	}
	return nil
}
