package kafkaadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Status is the state of a cluster.
type Status struct {
	ClusterID       string `json:"cluster_id"`
	MetadataLeader  int32  `json:"metadata_leader"` // -1 for none
	MetadataEpoch   int32  `json:"metadata_epoch"`
	Nodes           []Node `json:"nodes"`
	Topics          int    `json:"topics"`                // those that are listed: without __meta
	Partitions      int    `json:"partitions"`            // of these
	Leaderless      int    `json:"leaderless_partitions"` // this and the following: of the same partitions
	UnderReplicated int    `json:"under_replicated_partitions"`
	Reassigning     int    `json:"reassigning_partitions"`
}

// Node is a node of a cluster.
type Node struct {
	ID      int32  `json:"id"`
	Address string `json:"address"` // "" when its broker is not registered
	Rack    string `json:"rack"`
	// State is "in service", "fenced", or "not registered" for a node that was added and has not been started.
	State  string `json:"state"`
	Quorum string `json:"quorum"`   // "leader", "voter", "observer", or "none"
	Holds  int    `json:"replicas"` // of partitions
	Leads  int    `json:"leads"`
	Behind int    `json:"out_of_sync_replicas"`
}

// Status returns the state of the cluster. If it cannot be read within a time, as without a majority of the voters, the
// error says what the node at each known address answers.
func (a *Admin) Status(ctx context.Context, within time.Duration) (*Status, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, within, fmt.Errorf("no status within %v", within))
	defer cancel()
	v, err := a.readView(bounded)
	switch {
	case err == nil:
		return a.statusOf(v), nil
	case bounded.Err() != nil && ctx.Err() == nil:
		return nil, errors.Join(context.Cause(bounded), a.survey(ctx))
	}
	return nil, err
}

// surveyTimeout is how long a node may take to answer. A node without a majority takes one second.
const surveyTimeout = 3 * time.Second

// survey returns what each node that can be known answers when it is asked for the quorum.
func (a *Admin) survey(ctx context.Context) error {
	var said []error
	for _, address := range a.addresses() {
		asked, cancel := context.WithTimeout(ctx, surveyTimeout)
		var v view
		err := v.readQuorum(asked, a.at(address))
		if err == nil {
			err = fmt.Errorf("the metadata is led by node %d, epoch %d", v.leader, v.epoch)
		}
		cancel()
		said = append(said, fmt.Errorf("%s: %w", address, err))
	}
	return errors.Join(said...)
}

// statusOf counts what a view shows. Partitions of __meta, which is not listed, count only for the nodes that hold
// and lead them.
func (a *Admin) statusOf(v *view) *Status {
	s := &Status{ClusterID: v.clusterID, MetadataLeader: v.leader, MetadataEpoch: v.epoch}
	nodes := map[int32]*Node{}
	for _, id := range slices.Concat(v.voters, v.observers) {
		nodes[id] = &Node{ID: id, State: "not registered"}
	}
	for _, b := range v.brokers {
		n := &Node{ID: b.NodeID, Address: a.brokers[b.NodeID], State: "in service"}
		if b.IsFenced {
			n.State = "fenced"
		}
		if b.Rack != nil {
			n.Rack = *b.Rack
		}
		nodes[b.NodeID] = n
	}
	for _, t := range v.topics {
		if t.Topic != nil && *t.Topic != metadata.MetaTopic {
			s.Topics++
		}
	}
	for at := range v.moving {
		if at.topic != metadata.MetaTopic {
			s.Reassigning++
		}
	}
	for at, p := range v.partitions() {
		if at.topic != metadata.MetaTopic {
			s.count(p)
		}
		for _, id := range p.Replicas {
			n := nodes[id]
			if n == nil { // a broker that was unregistered
				n = &Node{ID: id, State: "not registered"}
				nodes[id] = n
			}
			n.Holds++
			if !slices.Contains(p.ISR, id) {
				n.Behind++
			}
			if id == p.Leader {
				n.Leads++
			}
		}
	}
	for _, n := range nodes {
		n.Quorum = v.standing(n.ID)
		s.Nodes = append(s.Nodes, *n)
	}
	slices.SortFunc(s.Nodes, func(x, y Node) int { return cmp.Compare(x.ID, y.ID) })
	return s
}

// count counts a partition.
func (s *Status) count(p *kmsg.MetadataResponseTopicPartition) {
	s.Partitions++
	if p.Leader < 0 {
		s.Leaderless++
	}
	if len(p.ISR) < len(p.Replicas) {
		s.UnderReplicated++
	}
}

// standing returns a node's role in the quorum, as in Node.Quorum.
func (v *view) standing(id int32) string {
	switch {
	case id == v.leader:
		return "leader"
	case slices.Contains(v.voters, id):
		return "voter"
	case slices.Contains(v.observers, id):
		return "observer"
	}
	return "none"
}
