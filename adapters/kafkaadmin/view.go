package kafkaadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/layout"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// quorumTopic is the name under which Kafka's protocol knows the metadata.
const quorumTopic = "__cluster_metadata"

// view is a cluster as its nodes describe it.
type view struct {
	clusterID string
	leader    int32 // of the metadata, -1 for none
	epoch     int32
	brokers   []kmsg.DescribeClusterResponseBroker
	voters    []int32
	observers []int32
	topics    []kmsg.MetadataResponseTopic
	moving    map[partition]kmsg.ListPartitionReassignmentsResponseTopicPartition
}

// partition names a partition.
type partition struct {
	topic string
	index int32
}

func (p partition) String() string { return fmt.Sprintf("%s-%d", p.topic, p.index) }

// readView reads everything. While the metadata has no leader, it waits for one.
func (a *Admin) readView(ctx context.Context) (v *view, err error) {
	err = a.insist(ctx, func() error {
		v = &view{moving: map[partition]kmsg.ListPartitionReassignmentsResponseTopicPartition{}}
		reads := []func(context.Context, *view) error{a.readBrokers, a.readQuorum, a.readTopics, a.readMoves}
		for _, part := range reads {
			if err := part(ctx, v); err != nil {
				return err
			}
		}
		return nil
	})
	return v, err
}

func (a *Admin) readBrokers(ctx context.Context, v *view) error {
	req := kmsg.NewPtrDescribeClusterRequest()
	req.EndpointType, req.IncludeFencedBrokers = 1, true
	resp, err := req.RequestWith(ctx, a)
	if err == nil {
		err = failure(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return fmt.Errorf("describe the cluster: %w", err)
	}
	v.clusterID, v.brokers = resp.ClusterID, resp.Brokers
	slices.SortFunc(v.brokers,
		func(x, y kmsg.DescribeClusterResponseBroker) int { return cmp.Compare(x.NodeID, y.NodeID) })
	for _, b := range resp.Brokers {
		a.brokers[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	return nil
}

func (a *Admin) readQuorum(ctx context.Context, v *view) error { return v.readQuorum(ctx, a) }

// readQuorum reads the quorum as a node describes it.
func (v *view) readQuorum(ctx context.Context, from kmsg.Requestor) error {
	req := kmsg.NewPtrDescribeQuorumRequest()
	topic, part := kmsg.NewDescribeQuorumRequestTopic(), kmsg.NewDescribeQuorumRequestTopicPartition()
	topic.Topic, topic.Partitions = quorumTopic, append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, from)
	if err == nil {
		err = failure(resp.ErrorCode, resp.ErrorMessage)
	}
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = errors.New("an answer without the metadata")
	}
	if err != nil {
		return fmt.Errorf("describe the quorum: %w", err)
	}
	p := resp.Topics[0].Partitions[0]
	if err := failure(p.ErrorCode, p.ErrorMessage); err != nil {
		return fmt.Errorf("describe the quorum: %w", err)
	}
	v.leader, v.epoch = p.LeaderID, p.LeaderEpoch
	for _, r := range p.CurrentVoters {
		v.voters = append(v.voters, r.ReplicaID)
	}
	for _, r := range p.Observers {
		v.observers = append(v.observers, r.ReplicaID)
	}
	return nil
}

func (a *Admin) readTopics(ctx context.Context, v *view) error {
	req := kmsg.NewPtrMetadataRequest() // of all topics
	resp, err := req.RequestWith(ctx, a)
	if err != nil {
		return fmt.Errorf("list the topics: %w", err)
	}
	v.topics = resp.Topics
	name := metadata.MetaTopic // which is not listed
	req.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	if resp, err = req.RequestWith(ctx, a); err != nil {
		return fmt.Errorf("describe topic %s: %w", name, err)
	}
	for _, t := range resp.Topics {
		if t.ErrorCode == 0 {
			v.topics = append(v.topics, t)
		}
	}
	for _, t := range v.topics {
		slices.SortFunc(t.Partitions,
			func(x, y kmsg.MetadataResponseTopicPartition) int { return cmp.Compare(x.Partition, y.Partition) })
	}
	return nil
}

func (a *Admin) readMoves(ctx context.Context, v *view) error {
	resp, err := kmsg.NewPtrListPartitionReassignmentsRequest().RequestWith(ctx, a)
	if err == nil {
		err = failure(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return fmt.Errorf("list the reassignments: %w", err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			v.moving[partition{t.Topic, p.Partition}] = p
		}
	}
	return nil
}

// broker returns a registered broker.
func (v *view) broker(id int32) (kmsg.DescribeClusterResponseBroker, bool) {
	n := slices.IndexFunc(v.brokers, func(b kmsg.DescribeClusterResponseBroker) bool { return b.NodeID == id })
	if n < 0 {
		return kmsg.DescribeClusterResponseBroker{}, false
	}
	return v.brokers[n], true
}

func (v *view) inService(id int32) bool {
	b, ok := v.broker(id)
	return ok && !b.IsFenced
}

// member reports whether the node is a voter or an observer of the quorum.
func (v *view) member(id int32) bool {
	return slices.Contains(v.voters, id) || slices.Contains(v.observers, id)
}

// known refuses a node that the cluster does not have.
func (v *view) known(id int32) error {
	if _, registered := v.broker(id); !registered && !v.member(id) {
		return fmt.Errorf("the cluster has no node %d", id)
	}
	return nil
}

// layout returns the view in the form from which plans are made.
func (v *view) layout() *layout.Layout {
	l := &layout.Layout{}
	for _, b := range v.brokers {
		rack := ""
		if b.Rack != nil {
			rack = *b.Rack
		}
		l.Brokers = append(l.Brokers, layout.Broker{ID: b.NodeID, Rack: rack, Alive: !b.IsFenced})
	}
	for name, p := range v.partitions() {
		replicas := slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool {
			return slices.Contains(v.moving[name].RemovingReplicas, id)
		})
		l.Partitions = append(l.Partitions,
			layout.Partition{Topic: name.topic, Index: name.index, Replicas: replicas, InSync: p.ISR})
	}
	return l
}

// partitions yields all partitions.
func (v *view) partitions() func(yield func(partition, *kmsg.MetadataResponseTopicPartition) bool) {
	return func(yield func(partition, *kmsg.MetadataResponseTopicPartition) bool) {
		for _, t := range v.topics {
			if t.Topic == nil {
				continue
			}
			for n := range t.Partitions {
				if !yield(partition{*t.Topic, t.Partitions[n].Partition}, &t.Partitions[n]) {
					return
				}
			}
		}
	}
}
