package kafkaproto

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestTransactionsAreRefusedForGood(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.SetVersion(4)
	find.CoordinatorType, find.CoordinatorKeys = transactionCoordinator, []string{"tx"}
	found := ask[*kmsg.FindCoordinatorResponse](c, find).Coordinators[0]
	if kerr.IsRetriable(kerr.ErrorForCode(found.ErrorCode)) || found.ErrorCode == 0 || *found.ErrorMessage == "" {
		t.Errorf("FindCoordinator answers %+v", found)
	}
	initID := kmsg.NewPtrInitProducerIDRequest()
	initID.TransactionalID = kmsg.StringPtr("tx")
	if got := ask[*kmsg.InitProducerIDResponse](c, initID); kerr.IsRetriable(kerr.ErrorForCode(got.ErrorCode)) ||
		got.ErrorCode == 0 || got.ProducerID != -1 {
		t.Errorf("InitProducerId answers %+v", got)
	}
	initID.TransactionalID = nil
	if got := ask[*kmsg.InitProducerIDResponse](c, initID); got.ErrorCode != 0 || got.ProducerID != 4000 {
		t.Errorf("InitProducerId answers %+v", got)
	}
}

func TestTopicsAreNamedOnceInARequest(t *testing.T) {
	f := newFakes(t)
	c := start(t, f).dial(t)
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(7)
	for _, name := range []string{"a", "b", "a"} {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
		req.Topics = append(req.Topics, topic)
	}
	resp := ask[*kmsg.CreateTopicsResponse](c, req)
	if len(resp.Topics) != 2 || resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code || resp.Topics[1].ErrorCode != 0 ||
		len(f.created) != 1 {
		t.Errorf("got %+v and %d topics made", resp.Topics, len(f.created))
	}

	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.SetVersion(6)
	remove.Topics = []kmsg.DeleteTopicsRequestTopic{
		{Topic: kmsg.StringPtr("orders")},
		{Topic: kmsg.StringPtr("orders")},
		{TopicID: metadata.TopicID{2}},
		{},
		{Topic: kmsg.StringPtr("logs"), TopicID: metadata.TopicID{2}},
		{Topic: kmsg.StringPtr("missing")},
	}
	var got []int16
	for _, r := range ask[*kmsg.DeleteTopicsResponse](c, remove).Topics {
		got = append(got, r.ErrorCode)
	}
	invalid := kerr.InvalidRequest.Code
	if want := []int16{invalid, 0, invalid, invalid, kerr.UnknownTopicOrPartition.Code}; !slices.Equal(got, want) {
		t.Errorf("got codes %v, want %v", got, want)
	}
}

func TestListOffsetsRefusesTimestampsThatItsVersionDoesNotKnowAndRepetitions(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	since := map[int64]int16{
		replicas.LatestTimestamp:        1,
		replicas.EarliestTimestamp:      1,
		replicas.MaxTimestamp:           7,
		replicas.EarliestLocalTimestamp: 8,
		replicas.LatestTieredTimestamp:  9,
		replicas.EarliestPendingUpload:  11,
		-7:                              99,
		0:                               1,
		1 << 40:                         1,
	}
	for version := int16(1); version <= 11; version++ {
		for timestamp, first := range since {
			req := kmsg.NewPtrListOffsetsRequest()
			req.SetVersion(version)
			at := kmsg.NewListOffsetsRequestTopicPartition()
			at.Timestamp = timestamp
			req.Topics = []kmsg.ListOffsetsRequestTopic{{
				Topic:      "orders",
				Partitions: []kmsg.ListOffsetsRequestTopicPartition{at},
			}}
			got := ask[*kmsg.ListOffsetsResponse](c, req).Topics[0].Partitions[0]
			want := int16(0)
			if version < first {
				want = kerr.UnsupportedVersion.Code
			}
			if got.ErrorCode != want || (want == 0) != (got.Offset == 42) {
				t.Errorf("version %d, timestamp %d: %+v", version, timestamp, got)
			}
		}
	}
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(7)
	req.Topics = []kmsg.ListOffsetsRequestTopic{{
		Topic:      "orders",
		Partitions: make([]kmsg.ListOffsetsRequestTopicPartition, 2),
	}}
	for _, p := range ask[*kmsg.ListOffsetsResponse](c, req).Topics[0].Partitions {
		if p.ErrorCode != kerr.InvalidRequest.Code {
			t.Errorf("a partition that is named twice is answered with %+v", p)
		}
	}
}

func TestAFollowersFetchHasItsIDAndEpoch(t *testing.T) {
	f := newFakes(t)
	var got *replicas.Follower
	f.fetch = func(_ context.Context, req *replicas.FetchRequest) *replicas.FetchResponse {
		got = nil
		if req.Follower != nil {
			copied := *req.Follower
			got = &copied
		}
		return new(replicas.FetchResponse)
	}
	c := start(t, f).dial(t)
	for version := int16(4); version <= 18; version++ {
		for _, id := range []int32{-1, 2} {
			req := kmsg.NewPtrFetchRequest()
			req.SetVersion(version)
			req.ReplicaID, req.ReplicaState.ID, req.ReplicaState.Epoch = id, id, 7
			ask[*kmsg.FetchResponse](c, req)
			want := &replicas.Follower{ID: 2, Epoch: 7}
			if version < 15 {
				want.Epoch = -1
			}
			if id < 0 {
				want = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("version %d, replica %d: (-want +got)\n%s", version, id, diff)
			}
		}
	}
}
