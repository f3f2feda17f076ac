package replication

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkatest"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// describer is a node that describes the quorum: it votes with node 2, and node 3 observes.
func describer(t *testing.T, code int16) (address string) {
	t.Helper()
	return kafkatest.Start(t, nil, func(req kmsg.Request) kmsg.Response {
		ask, ok := req.(*kmsg.DescribeQuorumRequest)
		if !ok {
			return nil
		}
		forwarded := false
		ask.UnknownTags.Each(func(tag uint32, _ []byte) { forwarded = forwarded || tag == ports.ForwardedTag })
		if !forwarded || len(ask.Topics) != 1 || ask.Topics[0].Topic != "__cluster_metadata" {
			t.Errorf("asked: %+v, forwarded %t", ask, forwarded)
		}
		replica := func(id int32) kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
			return kmsg.DescribeQuorumResponseTopicPartitionReplicaState{
				ReplicaID:             id,
				ReplicaDirectoryID:    [16]byte{byte(id)},
				LogEndOffset:          10 * int64(id),
				LastFetchTimestamp:    -1,
				LastCaughtUpTimestamp: 5,
			}
		}
		part := kmsg.NewDescribeQuorumResponseTopicPartition()
		part.LeaderID, part.LeaderEpoch, part.HighWatermark = 2, 7, 99
		part.CurrentVoters = append(part.CurrentVoters, replica(1), replica(2))
		part.Observers = append(part.Observers, replica(3))
		topic := kmsg.NewDescribeQuorumResponseTopic()
		topic.Topic, topic.Partitions = "__cluster_metadata", append(topic.Partitions, part)
		resp := kmsg.NewPtrDescribeQuorumResponse()
		resp.ErrorCode, resp.Topics = code, append(resp.Topics, topic)
		return resp
	}).Address()
}

func TestAQuestionForTheQuorumIsForwarded(t *testing.T) {
	got, err := ForwardQuorum(t.Context(), nil, describer(t, 0))
	replica := func(id int32) controller.QuorumReplica {
		return controller.QuorumReplica{
			Node:         id,
			Directory:    [16]byte{byte(id)},
			LogEndOffset: 10 * int64(id),
			LastFetch:    -1,
			LastCaughtUp: 5,
		}
	}
	want := controller.QuorumDescription{
		Leader: 2, LeaderEpoch: 7, HighWatermark: 99, Voters: []controller.QuorumReplica{replica(1), replica(2)},
		Observers: []controller.QuorumReplica{replica(3)},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("ForwardQuorum(): %v\n%s", err, diff)
	}
}

func TestANodeDescribesTheVotersThatItKnowsEvenWithoutAMajority(t *testing.T) {
	for code, c := range map[int16]struct {
		agreed bool
		err    error
	}{
		0:                         {true, nil},
		kerr.NotController.Code:   {false, nil},
		kerr.RequestTimedOut.Code: {false, fault.RequestTimedOut},
	} {
		known, err := AskQuorum(t.Context(), nil, 5, describer(t, code))
		want := controller.KnownVoters{By: 5, Agreed: c.agreed, Voters: map[int32][16]byte{1: {1}, 2: {2}, 3: {3}}}
		if diff := cmp.Diff(want, known); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("code %d: %v\n%s", code, err, diff)
		}
	}
}

func TestANodeThatDoesNotDescribeTheQuorumIsAnError(t *testing.T) {
	silent := kafkatest.Start(t, nil, func(kmsg.Request) kmsg.Response { return nil })
	known, err := AskQuorum(t.Context(), nil, 5, silent.Address())
	if err == nil || known.Agreed || len(known.Voters) != 0 {
		t.Errorf("AskQuorum() = %+v, %v", known, err)
	}
	silent.Close()
	if _, err := ForwardQuorum(t.Context(), nil, silent.Address()); err == nil {
		t.Error("nobody listens, and the quorum is described")
	}
}
