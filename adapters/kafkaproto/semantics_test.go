package kafkaproto

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func metadataRequest(version int16, topics ...string) *kmsg.MetadataRequest {
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(version)
	req.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: &name})
	}
	return req
}

// topicsOf returns the names and error codes of an answer's topics.
func topicsOf(resp *kmsg.MetadataResponse) map[string]int16 {
	out := make(map[string]int16)
	for _, t := range resp.Topics {
		out[orEmpty(t.Topic)] = t.ErrorCode
	}
	return out
}

func TestMetadataMeansAllOrNoTopicsByItsVersion(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	all := map[string]int16{"orders": 0, "logs": 0}
	for version := range int16(14) {
		empty, null := metadataRequest(version), metadataRequest(version)
		null.Topics = nil
		wantEmpty := map[string]int16{}
		if version == 0 {
			wantEmpty = all
		}
		if diff := cmp.Diff(wantEmpty, topicsOf(ask[*kmsg.MetadataResponse](c, empty))); diff != "" {
			t.Errorf("version %d, no topics: %s", version, diff)
		}
		if version == 0 {
			continue // has no null
		}
		if diff := cmp.Diff(all, topicsOf(ask[*kmsg.MetadataResponse](c, null))); diff != "" {
			t.Errorf("version %d, null topics: %s", version, diff)
		}
	}
}

func TestMetadataDescribesTopicsByNameAndId(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	req := metadataRequest(13, "orders", "orders", "missing", "bad/name")
	req.IncludeTopicAuthorizedOperations = true
	resp := ask[*kmsg.MetadataResponse](c, req)
	want := map[string]int16{
		"orders":   0,
		"missing":  kerr.UnknownTopicOrPartition.Code,
		"bad/name": kerr.InvalidTopicException.Code,
	}
	if diff := cmp.Diff(want, topicsOf(resp)); diff != "" || len(resp.Topics) != 3 {
		t.Errorf("%d topics: %s", len(resp.Topics), diff)
	}
	orders := resp.Topics[0]
	if orders.TopicID != (metadata.TopicID{1}) || len(orders.Partitions) != 3 || orders.AuthorizedOperations != 3576 {
		t.Errorf("got %+v", orders)
	}
	if *resp.ClusterID != "a-cluster" || resp.ControllerID != 1 || *resp.Brokers[0].Rack != "r1" {
		t.Errorf("got %+v", resp)
	}

	req = metadataRequest(12)
	req.Topics = []kmsg.MetadataRequestTopic{{TopicID: metadata.TopicID{2}}, {TopicID: metadata.TopicID{77}}}
	resp = ask[*kmsg.MetadataResponse](c, req)
	if len(resp.Topics) != 2 || resp.Topics[0].ErrorCode != kerr.UnknownTopicID.Code || resp.Topics[0].Topic != nil ||
		*resp.Topics[1].Topic != "logs" {
		t.Errorf("got %+v", resp.Topics)
	}

	req.SetVersion(11) // where ids have no meaning yet
	if resp = ask[*kmsg.MetadataResponse](c, req); resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("got %+v", resp.Topics)
	}
	req.SetVersion(13)
	req.Topics = []kmsg.MetadataRequestTopic{{}} // neither name nor id
	if resp = ask[*kmsg.MetadataResponse](c, req); resp.Topics[0].ErrorCode != kerr.InvalidRequest.Code ||
		resp.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("got %+v", resp)
	}
}

func TestAListenerWithoutAdvertisedAddressNamesTheOneThatTheClientHasComeBy(t *testing.T) {
	f := newFakes(t)
	s := start(t, f, func(st *Settings, _ *Server) {
		st.Listeners = []Listener{
			{Name: "PLAIN", Address: "127.0.0.1:0"},
			{Name: "ANY", Address: "0.0.0.0:0"},
			{Name: "OUTSIDE", Address: "127.0.0.1:0", Advertised: "broker.example:19092"},
		}
	})
	port := func(i int) string { return strconv.Itoa(s.Addrs()[i].(*net.TCPAddr).Port) }
	for _, c := range []struct{ dial, want string }{
		{"127.0.0.1:" + port(0), "127.0.0.1:" + port(0)},
		{"127.0.0.2:" + port(1), "127.0.0.2:" + port(1)},
		{"127.0.0.1:" + port(2), "broker.example:19092"},
	} {
		s.addr = c.dial
		client := s.dial(t)
		host := func(h string, p int32) string { return net.JoinHostPort(h, strconv.Itoa(int(p))) }

		m := ask[*kmsg.MetadataResponse](client, metadataRequest(9))
		if got := host(m.Brokers[0].Host, m.Brokers[0].Port); got != c.want {
			t.Errorf("Metadata by %s names %s", c.dial, got)
		}
		d := kmsg.NewPtrDescribeClusterRequest()
		dr := ask[*kmsg.DescribeClusterResponse](client, d)
		if got := host(dr.Brokers[0].Host, dr.Brokers[0].Port); got != c.want {
			t.Errorf("DescribeCluster by %s names %s", c.dial, got)
		}
		for _, version := range []int16{0, 3, 4, 6} {
			req := kmsg.NewPtrFindCoordinatorRequest()
			req.SetVersion(version)
			req.CoordinatorKey, req.CoordinatorKeys = "g", []string{"g"}
			resp := ask[*kmsg.FindCoordinatorResponse](client, req)
			got := host(resp.Host, resp.Port)
			if version >= 4 {
				got = host(resp.Coordinators[0].Host, resp.Coordinators[0].Port)
			}
			if got != c.want {
				t.Errorf("FindCoordinator version %d by %s names %s", version, c.dial, got)
			}
		}
	}
}

func TestALinkLocalAddressHasItsZone(t *testing.T) {
	for want, a := range map[string]net.TCPAddr{
		"fe80::1%eth0": {IP: net.ParseIP("fe80::1"), Zone: "eth0"}, "2001:db8::1": {IP: net.ParseIP("2001:db8::1")},
		"10.0.0.1": {IP: net.ParseIP("10.0.0.1")},
	} {
		if got := hostOf(&a); got != want {
			t.Errorf("%v is shown as %s, want %s", a, got, want)
		}
	}
}

func TestAnAdvertisedAddressMustNameHostAndPort(t *testing.T) {
	for _, bad := range []string{"host", "host:", ":9092", "host:70000", "host:x"} {
		_, err := New(Settings{
			Listeners: []Listener{{Name: "L", Advertised: bad}},
			NodeID:    1,
			Services:  newFakes(t).services(),
			Logger:    discard(),
			Limits:    ample(),
		})
		if err == nil || !strings.Contains(err.Error(), "advertised address") {
			t.Errorf("%q is accepted", bad)
		}
	}
}

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

func TestTopicPartitionsAreDescribedInPages(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = 2
	var pages [][]string
	for range 10 {
		resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, req)
		var page []string
		for _, topic := range resp.Topics {
			for _, p := range topic.Partitions {
				page = append(page, *topic.Topic+"-"+strconv.Itoa(int(p.Partition)))
			}
		}
		pages = append(pages, page)
		if resp.NextCursor == nil {
			break
		}
		req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{
			Topic:     resp.NextCursor.Topic,
			Partition: resp.NextCursor.Partition,
		}
	}
	if diff := cmp.Diff([][]string{{"logs-0", "orders-0"}, {"orders-1", "orders-2"}}, pages); diff != "" {
		t.Error(diff)
	}

	req.Cursor = &kmsg.DescribeTopicPartitionsRequestCursor{Topic: "orders", Partition: -1}
	req.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}}
	if got := ask[*kmsg.DescribeTopicPartitionsResponse](c, req).Topics[0].ErrorCode; got != kerr.InvalidRequest.Code {
		t.Errorf("a cursor before the first partition: code %d", got)
	}
	req.Cursor, req.Topics = nil, []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "orders"}, {Topic: "missing"}}
	resp := ask[*kmsg.DescribeTopicPartitionsResponse](c, req)
	if resp.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code || len(resp.Topics[1].Partitions) != 2 ||
		resp.NextCursor.Partition != 2 {
		t.Errorf("got %+v", resp)
	}
}

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
