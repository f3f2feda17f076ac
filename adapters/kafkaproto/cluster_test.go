package kafkaproto

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// fakeController records the calls.
type fakeController struct {
	mu           sync.Mutex
	beats        []ports.BrokerHeartbeat
	disconnected []int32
	reply        ports.BrokerHeartbeatReply
	err          error
}

func (c *fakeController) Heartbeat(_ context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beats = append(c.beats, req)
	return c.reply, c.err
}

func (c *fakeController) Disconnected(brokerID int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disconnected = append(c.disconnected, brokerID)
}

func (c *fakeController) lost() []int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.disconnected)
}

// newCluster has broker 2 unfenced at b2:9092, 3 fenced at b3:9092, 4 unfenced with another listener, and the topic
// "far" with a partition led by each of 1 to 4.
func newCluster(t *testing.T) *fakes {
	f := newFakes(t)
	at := func(listener, host string) []metadata.Endpoint {
		return []metadata.Endpoint{{Listener: listener, Host: host, Port: 9092}}
	}
	for id, endpoints := range map[int32][]metadata.Endpoint{
		2: at("PLAINTEXT", "b2"), 3: at("PLAINTEXT", "b3"), 4: at("OTHER", "b4"),
	} {
		f.apply(t, metadata.RegisterBroker{ID: id, Rack: "r2", Endpoints: endpoints})
	}
	f.apply(t, metadata.CreateTopic{
		Name:              "far",
		ID:                metadata.TopicID{3},
		Partitions:        -1,
		ReplicationFactor: -1,
		Assignments:       [][]int32{{1}, {2}, {3}, {4}},
	})
	b, _ := f.image.Load().Broker(3)
	f.apply(t, metadata.FenceBroker{ID: 3, Epoch: b.Epoch})
	return f
}

func TestMetadataShowsUnfencedBrokersByTheListenerOfTheConnection(t *testing.T) {
	s := start(t, newCluster(t))
	for version := int16(5); version <= 13; version++ {
		req := kmsg.NewPtrMetadataRequest()
		req.SetVersion(version)
		topic := kmsg.NewMetadataRequestTopic()
		name := "far"
		topic.Topic = &name
		req.Topics = append(req.Topics, topic)
		resp := ask[*kmsg.MetadataResponse](s.dial(t), req)
		var ids []int32
		for _, b := range resp.Brokers {
			ids = append(ids, b.NodeID)
		}
		if !slices.Equal(ids, []int32{1, 2}) || resp.Brokers[0].Host != "127.0.0.1" || resp.Brokers[1].Host != "b2" ||
			*resp.Brokers[1].Rack != "r2" {
			t.Errorf("version %d: brokers %+v", version, resp.Brokers)
		}
		noListener := kerr.ListenerNotFound.Code
		if version < 6 {
			noListener = kerr.LeaderNotAvailable.Code
		}
		for n, want := range []struct {
			leader int32
			code   int16
		}{{1, 0}, {2, 0}, {-1, kerr.LeaderNotAvailable.Code}, {-1, noListener}} {
			p := resp.Topics[0].Partitions[n]
			if p.Leader != want.leader || p.ErrorCode != want.code || (len(p.OfflineReplicas) > 0) != (want.code != 0) {
				t.Errorf("version %d, partition %d: %+v, want leader %d, error %d", version, n, p, want.leader, want.code)
			}
		}
	}
}

// TestClientsAlwaysGetABroker has all brokers fenced, as when they have started together.
func TestClientsAlwaysGetABroker(t *testing.T) {
	f := newFakes(t)
	b, _ := f.image.Load().Broker(1)
	f.apply(t, metadata.FenceBroker{ID: 1, Epoch: b.Epoch})
	s := start(t, f)
	found := ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest()).Brokers
	if len(found) != 1 || found[0].NodeID != 1 || found[0].Host != "127.0.0.1" {
		t.Errorf("Metadata lists the brokers %+v, want this one", found)
	}
	described := ask[*kmsg.DescribeClusterResponse](s.dial(t), kmsg.NewPtrDescribeClusterRequest()).Brokers
	if len(described) != 1 || described[0].NodeID != 1 {
		t.Errorf("DescribeCluster lists the brokers %+v, want this one", described)
	}
}

// TestRequestsAboutTheClusterWaitUntilTheBrokerIsUnfenced answers them then, or when it takes too long.
func TestRequestsAboutTheClusterWaitUntilTheBrokerIsUnfenced(t *testing.T) {
	brokers := func(resp kmsg.Response) int {
		if m, ok := resp.(*kmsg.MetadataResponse); ok {
			return len(m.Brokers)
		}
		return len(resp.(*kmsg.DescribeClusterResponse).Brokers)
	}
	for _, req := range []kmsg.Request{kmsg.NewPtrMetadataRequest(), kmsg.NewPtrDescribeClusterRequest()} {
		f, serving := newFakes(t), make(chan struct{})
		s := start(t, f, func(s *Settings, _ *Server) { s.Services.Serving, s.Limits.Start = serving, time.Minute })
		c := s.dial(t)
		sent := c.send(req)
		ask[*kmsg.ApiVersionsResponse](s.dial(t), kmsg.NewPtrApiVersionsRequest()) // does not wait
		f.apply(t, metadata.RegisterBroker{
			ID:        2,
			Endpoints: []metadata.Endpoint{{Listener: "PLAINTEXT", Host: "b2", Port: 9092}},
		})
		close(serving)
		if n := brokers(receive[kmsg.Response](c, req, sent)); n != 2 {
			t.Errorf("%s lists %d brokers, want the 2 that there are when this one is unfenced", kmsg.NameForKey(req.Key()), n)
		}

		s = start(t, newFakes(t), func(s *Settings, _ *Server) {
			s.Services.Serving, s.Limits.Start = make(chan struct{}), time.Millisecond
		})
		if n := brokers(ask[kmsg.Response](s.dial(t), req)); n != 1 {
			t.Errorf("%s lists %d brokers when it has waited, want 1", kmsg.NameForKey(req.Key()), n)
		}
	}
}

func TestDescribeTopicPartitionsShowsTheReachableBrokers(t *testing.T) {
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	req.ResponsePartitionLimit = 100
	topic := kmsg.NewDescribeTopicPartitionsRequestTopic()
	topic.Topic = "far"
	req.Topics = append(req.Topics, topic)
	resp := ask[*kmsg.DescribeTopicPartitionsResponse](start(t, newCluster(t)).dial(t), req)
	var codes []int16
	for _, p := range resp.Topics[0].Partitions {
		codes = append(codes, p.ErrorCode)
	}
	if want := []int16{0, 0, kerr.LeaderNotAvailable.Code, kerr.ListenerNotFound.Code}; !slices.Equal(codes, want) {
		t.Errorf("errors %v, want %v", codes, want)
	}
}

func TestDescribeClusterShowsFencedBrokersWhenAsked(t *testing.T) {
	c := start(t, newCluster(t)).dial(t)
	for _, included := range []bool{false, true} {
		req := kmsg.NewPtrDescribeClusterRequest()
		req.SetVersion(2)
		req.EndpointType, req.IncludeFencedBrokers = brokerEndpoints, included
		fenced := map[int32]bool{}
		for _, b := range ask[*kmsg.DescribeClusterResponse](c, req).Brokers {
			fenced[b.NodeID] = b.IsFenced
		}
		want := map[int32]bool{1: false, 2: false}
		if included {
			want[3] = true
		}
		if diff := cmp.Diff(want, fenced); diff != "" {
			t.Errorf("with fenced brokers: %t, is fenced (-want +got):\n%s", included, diff)
		}
	}
}

func heartbeat(id int32) *kmsg.BrokerHeartbeatRequest {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.SetVersion(1)
	req.BrokerID = id
	req.BrokerEpoch = 7
	req.CurrentMetadataOffset = 99
	req.WantShutdown = true
	return req
}

func TestHeartbeatsOfBrokersGoToTheController(t *testing.T) {
	f, controller := newFakes(t), &fakeController{reply: ports.BrokerHeartbeatReply{CaughtUp: true, ShouldShutDown: true}}
	f.controller = controller
	c := start(t, f).dial(t)
	resp := ask[*kmsg.BrokerHeartbeatResponse](c, heartbeat(2))
	if resp.ErrorCode != 0 || !resp.IsCaughtUp || resp.IsFenced || !resp.ShouldShutdown {
		t.Errorf("answer %+v", resp)
	}
	want := ports.BrokerHeartbeat{BrokerID: 2, BrokerEpoch: 7, MetadataIndex: 99, WantShutDown: true}
	if controller.beats[0] != want {
		t.Errorf("got %+v, want %+v", controller.beats[0], want)
	}
	controller.mu.Lock()
	controller.err = fault.StaleBrokerEpoch
	controller.mu.Unlock()
	if resp := ask[*kmsg.BrokerHeartbeatResponse](c, heartbeat(2)); resp.ErrorCode != kerr.StaleBrokerEpoch.Code ||
		!resp.IsFenced {
		t.Errorf("answer %+v", resp)
	}
	versions := ask[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest())
	if slices.ContainsFunc(versions.ApiKeys, func(k kmsg.ApiVersionsResponseApiKey) bool { return k.ApiKey == 63 }) {
		t.Error("BrokerHeartbeat is announced to clients")
	}
}

func TestABrokenHeartbeatConnectionIsReported(t *testing.T) {
	f, controller := newFakes(t), new(fakeController)
	f.controller = controller
	s := start(t, f)
	old, now, client := s.dial(t), s.dial(t), s.dial(t)
	ask[*kmsg.BrokerHeartbeatResponse](old, heartbeat(2))
	ask[*kmsg.BrokerHeartbeatResponse](old, heartbeat(3))
	ask[*kmsg.BrokerHeartbeatResponse](now, heartbeat(3))
	ask[*kmsg.MetadataResponse](client, kmsg.NewPtrMetadataRequest())
	client.Close()
	old.Close()
	eventually(t, "the loss of broker 2 is reported", func() bool { return len(controller.lost()) > 0 })
	if lost := controller.lost(); !slices.Equal(lost, []int32{2}) {
		t.Errorf("lost are %v, but broker 3 has connected again", lost)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if lost := controller.lost(); !slices.Equal(lost, []int32{2}) {
		t.Errorf("lost are %v, though this server has ended its connections itself", lost)
	}
}

func TestHeartbeatsAreNotServedOutsideOfACluster(t *testing.T) {
	c := start(t, newFakes(t)).dial(t)
	c.send(heartbeat(2))
	c.wantClosed()
}

func TestElectionsAreAnsweredByPartition(t *testing.T) {
	f := newFakes(t)
	var unclean bool
	f.elect = func(elections []controller.Election, u bool) {
		unclean = u
		for i := range elections {
			if elections[i].Partition == 1 {
				elections[i].Err = fault.New(fault.EligibleLeadersNotAvailable, "nobody lives")
			}
		}
	}
	c := start(t, f).dial(t)
	for version := range int16(3) {
		req := kmsg.NewPtrElectLeadersRequest()
		req.SetVersion(version)
		req.ElectionType = uncleanElection
		req.Topics = []kmsg.ElectLeadersRequestTopic{
			{Topic: "orders", Partitions: []int32{0, 1}},
			{Topic: "logs", Partitions: []int32{1}},
		}
		resp := ask[*kmsg.ElectLeadersResponse](c, req)
		orders := resp.Topics[0].Partitions
		if resp.ErrorCode != 0 || len(orders) != 2 || orders[0].ErrorCode != 0 || orders[0].ErrorMessage != nil ||
			orders[1].ErrorCode != kerr.EligibleLeadersNotAvailable.Code || *orders[1].ErrorMessage != "nobody lives" ||
			resp.Topics[1].Partitions[0].ErrorCode != kerr.EligibleLeadersNotAvailable.Code || unclean != (version >= 1) {
			t.Errorf("version %d: %+v, unclean: %t", version, resp, unclean)
		}
		req.Topics = nil
		resp = ask[*kmsg.ElectLeadersResponse](c, req)
		if len(resp.Topics) != 2 || resp.Topics[0].Topic != "logs" || len(resp.Topics[0].Partitions) != 0 ||
			len(resp.Topics[1].Partitions) != 2 {
			t.Errorf("version %d, all: %+v", version, resp)
		}
	}
}

func TestReassignmentsAreTakenCancelledAndListed(t *testing.T) {
	f := newCluster(t)
	var got []controller.Reassignment
	var keep bool
	f.reassign = func(r []controller.Reassignment, k bool) {
		got, keep = slices.Clone(r), k
		r[1].Err = fault.NoReassignmentInProgress
	}
	c := start(t, f).dial(t)
	for version := range int16(2) {
		req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
		req.SetVersion(version)
		req.AllowReplicationFactorChange = false
		req.Topics = []kmsg.AlterPartitionAssignmentsRequestTopic{{
			Topic: "far",
			Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{
				{Partition: 0, Replicas: []int32{2}}, {Partition: 1, Replicas: nil}, {Partition: 2, Replicas: []int32{}},
			},
		}}
		resp := ask[*kmsg.AlterPartitionAssignmentsResponse](c, req)
		want := []controller.Reassignment{
			{Topic: "far", Replicas: []int32{2}},
			{Topic: "far", Partition: 1},
			{Topic: "far", Partition: 2, Replicas: []int32{}},
		}
		if diff := cmp.Diff(want, got); diff != "" || keep != (version == 1) {
			t.Errorf("version %d: factor kept: %t, asked for (-want +got):\n%s", version, keep, diff)
		}
		if p := resp.Topics[0].Partitions; p[0].ErrorCode != 0 || p[1].ErrorCode != kerr.NoReassignmentInProgress.Code ||
			p[2].ErrorCode != 0 {
			t.Errorf("version %d: %+v", version, p)
		}
	}
	f.apply(t, metadata.AlterReassignment{TopicID: metadata.TopicID{3}, Partition: 1, Replicas: []int32{3, 2}})
	list := kmsg.NewPtrListPartitionReassignmentsRequest()
	for _, topics := range [][]kmsg.ListPartitionReassignmentsRequestTopic{
		nil, {{Topic: "far", Partitions: []int32{0, 1, 9}}, {Topic: "nowhere", Partitions: []int32{0}}},
	} {
		list.Topics = topics
		resp := ask[*kmsg.ListPartitionReassignmentsResponse](c, list)
		if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
			t.Fatalf("reassignments %+v", resp.Topics)
		}
		p := resp.Topics[0].Partitions[0]
		if p.Partition != 1 || !slices.Equal(p.Replicas, []int32{3, 2}) || !slices.Equal(p.AddingReplicas, []int32{3}) ||
			len(p.RemovingReplicas) != 0 {
			t.Errorf("reassignment %+v", p)
		}
	}
}

func TestTheQuorumIsDescribedAsKafkasMetadataTopic(t *testing.T) {
	f := newCluster(t)
	f.quorum = func() (controller.QuorumDescription, error) {
		return controller.QuorumDescription{
			Leader: 2, LeaderEpoch: 5, HighWatermark: 40,
			Voters: []controller.QuorumReplica{
				{Node: 1, LogEndOffset: 39, LastFetch: 1000, LastCaughtUp: 900},
				{Node: 2, LogEndOffset: 41, LastFetch: 1000, LastCaughtUp: 1000},
			},
			Observers: []controller.QuorumReplica{{Node: 4, LogEndOffset: 1, LastFetch: -1, LastCaughtUp: -1}},
		}, nil
	}
	c := start(t, f).dial(t)
	for version := range int16(3) {
		req := kmsg.NewPtrDescribeQuorumRequest()
		req.SetVersion(version)
		req.Topics = []kmsg.DescribeQuorumRequestTopic{{
			Topic:      quorumTopic,
			Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}},
		}}
		resp := ask[*kmsg.DescribeQuorumResponse](c, req)
		p := resp.Topics[0].Partitions[0]
		if resp.ErrorCode != 0 || p.LeaderID != 2 || p.LeaderEpoch != 5 || p.HighWatermark != 40 ||
			len(p.CurrentVoters) != 2 || len(p.Observers) != 1 {
			t.Errorf("version %d: %+v", version, p)
		}
		if version >= 2 && (len(resp.Nodes) != 2 || resp.Nodes[1].Listeners[0].Host != "b2" ||
			resp.Nodes[1].Listeners[0].Port != 9092) {
			t.Errorf("nodes %+v", resp.Nodes)
		}
		req.Topics[0].Topic = "orders"
		other := ask[*kmsg.DescribeQuorumResponse](c, req).Topics[0].Partitions[0]
		if other.ErrorCode != kerr.UnknownTopicOrPartition.Code {
			t.Errorf("version %d, another topic: %+v", version, other)
		}
	}
}

func TestABrokerIsUnregistered(t *testing.T) {
	f := newFakes(t)
	f.unregister = func(id int32) error {
		if id != 2 {
			return fault.New(fault.BrokerIDNotRegistered, "Broker ID %d is not currently registered", id)
		}
		return nil
	}
	c := start(t, f).dial(t)
	req := kmsg.NewPtrUnregisterBrokerRequest()
	req.BrokerID = 2
	if resp := ask[*kmsg.UnregisterBrokerResponse](c, req); resp.ErrorCode != 0 || resp.ErrorMessage != nil {
		t.Errorf("answer %+v", resp)
	}
	req.BrokerID = 3
	if resp := ask[*kmsg.UnregisterBrokerResponse](c, req); resp.ErrorCode != kerr.BrokerIDNotRegistered.Code ||
		*resp.ErrorMessage != "Broker ID 3 is not currently registered" {
		t.Errorf("answer %+v", resp)
	}
}
