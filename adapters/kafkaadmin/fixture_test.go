package kafkaadmin

import (
	"context"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/internal/kafkatest"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cluster is a cluster of nodes that answer by Kafka's protocol. Requests take effect at once, except for
// reassignments, which complete when they have been listed twice.
type cluster struct {
	t *testing.T

	mu         sync.Mutex
	running    map[int32]*kafkatest.Broker
	addresses  map[int32]string // of registered brokers
	fenced     map[int32]bool
	newest     map[int32]int16 // the level of the feature that a node supports, 3 where it says nothing
	level      int16           // of the feature
	leader     int32           // of the metadata
	voters     []int32
	observers  []int32
	partitions map[partition]*kmsg.MetadataResponseTopicPartition
	targets    map[partition][]int32 // of reassignments
	deleted    string                // a topic that is deleted before a leader is elected
	polls      map[partition]int
	codes      map[kmsg.Key][]int16 // errors that are answered first
	done       []string             // what was changed, in order
	lost       bool                 // the majority of the voters
}

// startCluster starts nodes 1 to count, of which all vote and 1 leads the metadata.
func startCluster(t *testing.T, count int32) *cluster {
	t.Helper()
	c := &cluster{
		t:          t,
		running:    map[int32]*kafkatest.Broker{},
		addresses:  map[int32]string{},
		fenced:     map[int32]bool{},
		newest:     map[int32]int16{},
		level:      2,
		leader:     1,
		partitions: map[partition]*kmsg.MetadataResponseTopicPartition{},
		targets:    map[partition][]int32{},
		polls:      map[partition]int{},
		codes:      map[kmsg.Key][]int16{},
	}
	for id := int32(1); id <= count; id++ {
		c.start(id)
		c.voters = append(c.voters, id)
	}
	return c
}

// start starts a node and registers its broker.
func (c *cluster) start(id int32) {
	b := kafkatest.Start(c.t, nil, func(req kmsg.Request) kmsg.Response { return c.handle(id, req) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running[id], c.addresses[id], c.fenced[id] = b, b.Address(), false
}

// kill stops a node abruptly, and fences its broker.
func (c *cluster) kill(id int32) {
	c.running[id].Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fenced[id] = true
	for _, p := range c.partitions {
		p.ISR = slices.DeleteFunc(p.ISR, func(r int32) bool { return r == id && len(p.ISR) > 1 })
		if p.Leader == id {
			if p.Leader = p.ISR[0]; p.Leader == id {
				p.Leader = -1
			}
		}
	}
}

// topic creates a topic; each partition is given by its replicas, of which the first leads.
func (c *cluster) topic(name string, partitions ...[]int32) {
	for n, replicas := range partitions {
		c.partitions[partition{name, int32(n)}] = &kmsg.MetadataResponseTopicPartition{
			Partition: int32(n), Leader: replicas[0], Replicas: replicas, ISR: slices.Clone(replicas),
		}
	}
}

// admin returns an Admin that knows node 1, and its events.
func (c *cluster) admin() (*Admin, *[]Event) {
	events := new([]Event)
	a := New(Settings{
		Bootstrap: []string{c.addresses[1]},
		Step:      2,
		Report:    func(e Event) { *events = append(*events, e) },
	})
	a.interval = time.Millisecond
	c.t.Cleanup(a.Close)
	return a, events
}

// quick is an Admin without a cluster that does not wait for long.
func quick() *Admin {
	a := New(Settings{})
	a.interval = time.Millisecond
	return a
}

func (c *cluster) note(format string, args ...any) {
	c.done = append(c.done, fmt.Sprintf(format, args...))
}

// sorted returns the partitions by name.
func (c *cluster) sorted() []partition {
	return slices.SortedFunc(maps.Keys(c.partitions), func(x, y partition) int {
		if x.topic != y.topic {
			return slices.Compare([]byte(x.topic), []byte(y.topic))
		}
		return int(x.index - y.index)
	})
}

// handle answers a request to a node.
func (c *cluster) handle(node int32, req kmsg.Request) kmsg.Response {
	c.mu.Lock()
	defer c.mu.Unlock()
	if codes := c.codes[kmsg.Key(req.Key())]; len(codes) > 0 {
		c.codes[kmsg.Key(req.Key())] = codes[1:]
		resp := req.ResponseKind()
		reflect.ValueOf(resp).Elem().FieldByName("ErrorCode").SetInt(int64(codes[0]))
		return resp
	}
	switch req := req.(type) {
	case *kmsg.ApiVersionsRequest:
		return c.apiVersions(node)
	case *kmsg.DescribeClusterRequest:
		return c.describeCluster()
	case *kmsg.DescribeQuorumRequest:
		return c.describeQuorum(node)
	case *kmsg.MetadataRequest:
		return c.describeTopics(req)
	case *kmsg.ListPartitionReassignmentsRequest:
		return c.listReassignments()
	case *kmsg.AlterPartitionAssignmentsRequest:
		return c.reassign(req)
	case *kmsg.ElectLeadersRequest:
		return c.elect(node, req)
	case *kmsg.AddRaftVoterRequest:
		return c.addVoter(req)
	case *kmsg.RemoveRaftVoterRequest:
		return c.removeVoter(req)
	case *kmsg.UnregisterBrokerRequest:
		return c.unregister(req)
	case *kmsg.UpdateFeaturesRequest:
		if !req.ValidateOnly {
			c.level = req.FeatureUpdates[0].MaxVersionLevel
			c.note("level %d of %s", c.level, req.FeatureUpdates[0].Feature)
		}
	}
	return req.ResponseKind()
}

func (c *cluster) apiVersions(node int32) kmsg.Response {
	resp := kafkatest.Versions(kmsg.Metadata, kmsg.ElectLeaders, kmsg.AlterPartitionAssignments,
		kmsg.ListPartitionReassignments, kmsg.DescribeQuorum, kmsg.UpdateFeatures, kmsg.DescribeCluster,
		kmsg.UnregisterBroker, kmsg.AddRaftVoter, kmsg.RemoveRaftVoter)
	supported, finalized := kmsg.NewApiVersionsResponseSupportedFeature(), kmsg.NewApiVersionsResponseFinalizedFeature()
	supported.Name, supported.MaxVersion = metadata.VersionFeature, max(c.newest[node], 0)
	if c.newest[node] == 0 {
		supported.MaxVersion = 3
	}
	finalized.Name, finalized.MaxVersionLevel = metadata.VersionFeature, c.level
	resp.SupportedFeatures = append(resp.SupportedFeatures, supported)
	resp.FinalizedFeatures = append(resp.FinalizedFeatures, finalized)
	return resp
}

func (c *cluster) describeCluster() kmsg.Response {
	resp := kmsg.NewPtrDescribeClusterResponse()
	resp.ClusterID, resp.ControllerID = "a-cluster", c.leader
	for id, address := range c.addresses {
		b := kmsg.NewDescribeClusterResponseBroker()
		host, port, _ := net.SplitHostPort(address)
		n, _ := strconv.Atoi(port)
		b.NodeID = id
		b.Host = host
		b.Port = int32(n)
		b.Rack = kmsg.StringPtr(fmt.Sprintf("rack-%d", id%2))
		b.IsFenced = c.fenced[id]
		resp.Brokers = append(resp.Brokers, b)
	}
	return resp
}

func (c *cluster) describeQuorum(node int32) kmsg.Response {
	if c.lost {
		resp := kmsg.NewPtrDescribeQuorumResponse()
		resp.ErrorCode = kerr.NotController.Code
		resp.ErrorMessage = kmsg.StringPtr(fmt.Sprintf("no majority at node %d", node))
		return resp
	}
	part := kmsg.NewDescribeQuorumResponseTopicPartition()
	part.LeaderID, part.LeaderEpoch = c.leader, 5
	for _, id := range c.voters {
		part.CurrentVoters = append(part.CurrentVoters, kmsg.DescribeQuorumResponseTopicPartitionReplicaState{ReplicaID: id})
	}
	for _, id := range c.observers {
		part.Observers = append(part.Observers, kmsg.DescribeQuorumResponseTopicPartitionReplicaState{ReplicaID: id})
	}
	topic := kmsg.NewDescribeQuorumResponseTopic()
	topic.Topic, topic.Partitions = quorumTopic, append(topic.Partitions, part)
	resp := kmsg.NewPtrDescribeQuorumResponse()
	resp.Topics = append(resp.Topics, topic)
	return resp
}

func (c *cluster) describeTopics(req *kmsg.MetadataRequest) kmsg.Response {
	resp := kmsg.NewPtrMetadataResponse()
	for _, p := range c.sorted() {
		listed := p.topic != metadata.MetaTopic
		if req.Topics != nil {
			listed = slices.ContainsFunc(req.Topics, func(t kmsg.MetadataRequestTopic) bool { return *t.Topic == p.topic })
		}
		if !listed {
			continue
		}
		if n := len(resp.Topics); n == 0 || *resp.Topics[n-1].Topic != p.topic {
			topic := kmsg.NewMetadataResponseTopic()
			topic.Topic = &p.topic
			resp.Topics = append(resp.Topics, topic)
		}
		t := &resp.Topics[len(resp.Topics)-1]
		t.Partitions = append(t.Partitions, *c.partitions[p])
	}
	for _, t := range req.Topics {
		if len(resp.Topics) == 0 {
			missing := kmsg.NewMetadataResponseTopic()
			missing.Topic, missing.ErrorCode = t.Topic, kerr.UnknownTopicOrPartition.Code
			resp.Topics = append(resp.Topics, missing)
		}
	}
	return resp
}

func (c *cluster) listReassignments() kmsg.Response {
	resp := kmsg.NewPtrListPartitionReassignmentsResponse()
	for at, target := range c.targets {
		p := c.partitions[at]
		if c.polls[at]++; c.polls[at] > 2 {
			p.Replicas, p.ISR = target, slices.Clone(target)
			if !slices.Contains(target, p.Leader) {
				p.Leader = target[0]
			}
			delete(c.targets, at)
			delete(c.polls, at)
			continue
		}
		part := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		part.Partition, part.Replicas, part.AddingReplicas = at.index, p.Replicas, target
		topic := kmsg.NewListPartitionReassignmentsResponseTopic()
		topic.Topic, topic.Partitions = at.topic, append(topic.Partitions, part)
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

func (c *cluster) reassign(req *kmsg.AlterPartitionAssignmentsRequest) kmsg.Response {
	resp := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			at := partition{t.Topic, p.Partition}
			part := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			part.Partition = p.Partition
			if c.partitions[at] == nil {
				part.ErrorCode = kerr.UnknownTopicOrPartition.Code
			} else {
				c.targets[at] = p.Replicas
				c.note("move %s to %v", at, p.Replicas)
			}
			topic.Partitions = append(topic.Partitions, part)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

func (c *cluster) elect(node int32, req *kmsg.ElectLeadersRequest) kmsg.Response {
	resp := kmsg.NewPtrElectLeadersResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewElectLeadersResponseTopic()
		topic.Topic = t.Topic
		for _, index := range t.Partitions {
			part := kmsg.NewElectLeadersResponseTopicPartition()
			part.Partition = index
			p := c.partitions[partition{t.Topic, index}]
			switch {
			case c.deleted == t.Topic:
				part.ErrorCode = kerr.UnknownTopicOrPartition.Code
			case t.Topic == quorumTopic:
				c.leader = node
				c.note("node %d leads the metadata", node)
			case p.Leader == p.Replicas[0]:
				part.ErrorCode = kerr.ElectionNotNeeded.Code
			default:
				p.Leader = p.Replicas[0]
				c.note("node %d leads %s-%d", p.Leader, t.Topic, index)
			}
			topic.Partitions = append(topic.Partitions, part)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

func (c *cluster) addVoter(req *kmsg.AddRaftVoterRequest) kmsg.Response {
	resp := kmsg.NewPtrAddRaftVoterResponse()
	if slices.Contains(c.voters, req.VoterID) || slices.Contains(c.observers, req.VoterID) {
		resp.ErrorCode, resp.ErrorMessage = kerr.DuplicateVoter.Code, kmsg.StringPtr("it is here already")
		return resp
	}
	c.observers = append(c.observers, req.VoterID)
	c.note("node %d joins at %s:%d", req.VoterID, req.Listeners[0].Host, req.Listeners[0].Port)
	return resp
}

func (c *cluster) removeVoter(req *kmsg.RemoveRaftVoterRequest) kmsg.Response {
	resp := kmsg.NewPtrRemoveRaftVoterResponse()
	if !slices.Contains(c.voters, req.VoterID) && !slices.Contains(c.observers, req.VoterID) {
		resp.ErrorCode = kerr.VoterNotFound.Code
		return resp
	}
	is := func(id int32) bool { return id == req.VoterID }
	c.voters, c.observers = slices.DeleteFunc(c.voters, is), slices.DeleteFunc(c.observers, is)
	c.note("node %d leaves", req.VoterID)
	return resp
}

// unregister forgets a broker that holds nothing. Its node stops.
func (c *cluster) unregister(req *kmsg.UnregisterBrokerRequest) kmsg.Response {
	resp := kmsg.NewPtrUnregisterBrokerResponse()
	for at, p := range c.partitions {
		if slices.Contains(p.Replicas, req.BrokerID) && len(p.Replicas) > 1 {
			resp.ErrorCode, resp.ErrorMessage = kerr.InvalidRequest.Code, kmsg.StringPtr("the broker holds "+at.String())
			return resp
		}
	}
	delete(c.addresses, req.BrokerID)
	c.note("broker %d is unregistered", req.BrokerID)
	c.running[req.BrokerID].Stop()
	return resp
}

// soon bounds a test's context generously.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
