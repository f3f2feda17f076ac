package kafkaproto

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestCommitsReachTheGroupForPartitionsThatExist(t *testing.T) {
	f := newFakes(t)
	c := start(t, f).dial(t)
	for version := int16(2); version <= 10; version++ {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.SetVersion(version)
		req.Group = "g"
		req.MemberID = "m"
		req.Generation = 3
		req.RetentionTimeMillis = 5000
		for i, name := range []string{"orders", "missing"} {
			topic := kmsg.NewOffsetCommitRequestTopic()
			topic.Topic, topic.TopicID = name, metadata.TopicID{byte(1 + 76*i)}
			for _, p := range []int32{2, 3} {
				at := kmsg.NewOffsetCommitRequestTopicPartition()
				at.Partition = p
				at.Offset = 42
				at.LeaderEpoch = 7
				at.Metadata = kmsg.StringPtr("note")
				topic.Partitions = append(topic.Partitions, at)
			}
			req.Topics = append(req.Topics, topic)
		}
		resp := ask[*kmsg.OffsetCommitResponse](c, req)
		var got []int16
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				got = append(got, p.ErrorCode)
			}
		}
		missing := kerr.UnknownTopicOrPartition.Code
		if version >= 10 {
			missing = kerr.UnknownTopicID.Code
		}
		if want := []int16{0, kerr.UnknownTopicOrPartition.Code, missing, missing}; !slices.Equal(got, want) {
			t.Errorf("version %d: codes %v, want %v", version, got, want)
		}
		want := &group.CommitRequest{
			Group: "g", MemberID: "m", Generation: 3, Retention: -1,
			Offsets: []group.OffsetCommit{{
				TopicPartition: group.TopicPartition{Topic: "orders", Partition: 2},
				Offset: group.Offset{
					Offset: 42, LeaderEpoch: 7, Metadata: "note", ExpireTime: -1, TopicID: metadata.TopicID{1},
				},
			}},
		}
		if version <= 4 {
			want.Retention = 5 * time.Second
		}
		if version < 6 {
			want.Offsets[0].LeaderEpoch = -1
		}
		if diff := cmp.Diff(want, f.committed); diff != "" {
			t.Errorf("version %d: %s", version, diff)
		}
	}
}

func TestACommitToAGroupThatIsNotThereIsAnIllegalGenerationToOldClients(t *testing.T) {
	f := newFakes(t)
	f.groupErr = fault.GroupIDNotFound
	c := start(t, f).dial(t)
	for version, want := range map[int16]int16{8: kerr.IllegalGeneration.Code, 9: kerr.GroupIDNotFound.Code} {
		req := kmsg.NewPtrOffsetCommitRequest()
		req.SetVersion(version)
		req.Topics = []kmsg.OffsetCommitRequestTopic{{
			Topic:      "orders",
			Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 1),
		}}
		if got := ask[*kmsg.OffsetCommitResponse](c, req).Topics[0].Partitions[0].ErrorCode; got != want {
			t.Errorf("version %d: code %d, want %d", version, got, want)
		}
	}
}

func TestCommittedOffsetsAreFetchedInEveryVersion(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	for version := int16(1); version <= 10; version++ {
		for _, all := range []bool{false, true} {
			if all && version < 2 {
				continue
			}
			req := kmsg.NewPtrOffsetFetchRequest()
			req.SetVersion(version)
			req.Group = "g"
			asked := kmsg.NewOffsetFetchRequestGroup()
			asked.Group = "g"
			if !all {
				req.Topics = []kmsg.OffsetFetchRequestTopic{
					{Topic: "logs", Partitions: []int32{0}},
					{Topic: "orders", Partitions: []int32{1, 2}},
				}
				asked.Topics = []kmsg.OffsetFetchRequestGroupTopic{
					{Topic: "logs", TopicID: metadata.TopicID{2}, Partitions: []int32{0}},
					{Topic: "orders", TopicID: metadata.TopicID{1}, Partitions: []int32{1, 2}},
				}
			}
			req.Groups = append(req.Groups, asked)
			resp := ask[*kmsg.OffsetFetchResponse](c, req)
			var got []int64
			for _, topic := range resp.Topics {
				for _, p := range topic.Partitions {
					got = append(got, p.Offset)
				}
			}
			for _, g := range resp.Groups {
				for _, topic := range g.Topics {
					if version >= 10 && topic.TopicID == ([16]byte{}) {
						t.Errorf("version %d: a topic has no id", version)
					}
					for _, p := range topic.Partitions {
						got = append(got, p.Offset)
					}
				}
			}
			if want := []int64{10, 11, 12}; !slices.Equal(got, want) {
				t.Errorf("version %d, all %t: offsets %v, want %v", version, all, got, want)
			}
		}
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.SetVersion(10)
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Topics = []kmsg.OffsetFetchRequestGroupTopic{{TopicID: metadata.TopicID{77}, Partitions: []int32{4}}}
	req.Groups = append(req.Groups, asked)
	at := ask[*kmsg.OffsetFetchResponse](c, req).Groups[0].Topics[0].Partitions[0]
	if at.ErrorCode != kerr.UnknownTopicID.Code || at.Offset != -1 {
		t.Errorf("an unknown id is answered with %+v", at)
	}
}

func TestAnErrorOfAWholeOffsetFetchStandsWhereItsVersionHasAPlace(t *testing.T) {
	f := newFakes(t)
	f.groupErr = fault.NotCoordinator
	c := start(t, f).dial(t)
	for version := int16(1); version <= 10; version++ {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.SetVersion(version)
		req.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "logs", Partitions: []int32{0}}}
		req.Groups = []kmsg.OffsetFetchRequestGroup{kmsg.NewOffsetFetchRequestGroup()}
		resp := ask[*kmsg.OffsetFetchResponse](c, req)
		got := resp.ErrorCode
		switch {
		case version >= 8:
			got = resp.Groups[0].ErrorCode
		case version == 1:
			got = resp.Topics[0].Partitions[0].ErrorCode
		}
		if got != kerr.NotCoordinator.Code {
			t.Errorf("version %d: %+v", version, resp)
		}
	}
}

func TestJoinsCarryWhatTheirVersionSays(t *testing.T) {
	f := newFakes(t)
	joined := make(chan classic.JoinRequest, 1)
	f.join = func(_ context.Context, req classic.JoinRequest) classic.JoinResponse {
		joined <- req
		return classic.JoinResponse{Err: fault.MemberIDRequired, MemberID: "new", Generation: 5}
	}
	c := start(t, f).dial(t)
	for version := range int16(10) {
		req := kmsg.NewPtrJoinGroupRequest()
		req.SetVersion(version)
		req.Group = "g"
		req.SessionTimeoutMillis = 6000
		req.RebalanceTimeoutMillis = 9000
		req.ProtocolType = "consumer"
		req.InstanceID, req.Reason = kmsg.StringPtr("i"), kmsg.StringPtr("because")
		req.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte("topics")}}
		resp := ask[*kmsg.JoinGroupResponse](c, req)
		want := classic.JoinRequest{
			Group: "g", ProtocolType: "consumer", SessionTimeout: 6 * time.Second, RebalanceTimeout: 9 * time.Second,
			Protocols:       []classic.Protocol{{Name: "range", Metadata: []byte("topics")}},
			Client:          group.Client{ID: "tester", Host: "/127.0.0.1"},
			RequireMemberID: version >= 4, CanSkipAssignment: version >= 9,
		}
		if version < 1 {
			want.RebalanceTimeout = want.SessionTimeout
		}
		if version >= 5 {
			want.InstanceID = "i"
		}
		if version >= 8 {
			want.Reason = "because"
		}
		if diff := cmp.Diff(want, <-joined); diff != "" {
			t.Errorf("version %d: %s", version, diff)
		}
		if resp.ErrorCode != kerr.MemberIDRequired.Code || resp.MemberID != "new" || resp.Generation != -1 ||
			version >= 7 != (resp.Protocol == nil) {
			t.Errorf("version %d: %+v", version, resp)
		}
	}
}

func TestAnUnknownGroupIsDeadToOldClientsAndNotFoundToNewOnes(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	for version := range int16(7) {
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.SetVersion(version)
		req.Groups = []string{"nowhere"}
		got := ask[*kmsg.DescribeGroupsResponse](c, req).Groups[0]
		if want := map[bool]int16{false: 0, true: kerr.GroupIDNotFound.Code}[version >= 6]; got.ErrorCode != want ||
			got.State != "Dead" {
			t.Errorf("version %d: %+v", version, got)
		}
	}
}
