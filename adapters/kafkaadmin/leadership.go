package kafkaadmin

import (
	"context"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Transferred is the result of a transfer of leaderships.
type Transferred struct {
	MetadataLeader int32  `json:"metadata_leader"`
	Elected        int    `json:"elected"` // partitions that got another leader
	Moves          []Move `json:"moves"`   // partitions that prefer another leader now
}

// TransferLeadership makes a node the leader of the metadata.
func (a *Admin) TransferLeadership(ctx context.Context, to int32) (*Transferred, error) {
	v, err := a.readView(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.known(to); err != nil {
		return nil, err
	}
	if err := a.lead(ctx, v, to); err != nil {
		return nil, err
	}
	return &Transferred{MetadataLeader: to, Moves: []Move{}}, nil
}

// lead makes a node the leader of the metadata. The request goes to that node.
func (a *Admin) lead(ctx context.Context, v *view, node int32) error {
	if v.leader == node {
		return nil
	}
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = int32(askTimeout.Milliseconds())
	req.Topics = []kmsg.ElectLeadersRequestTopic{{Topic: quorumTopic, Partitions: []int32{0}}}
	return a.insist(ctx, func() error {
		resp, err := req.RequestWith(ctx, a.at(a.brokers[node]))
		if err == nil {
			_, err = outcome(resp)
		}
		if err != nil {
			return fmt.Errorf("make node %d the leader of the metadata: %w", node, err)
		}
		a.settings.Report(MetadataLed{node})
		return nil
	})
}

// leadElsewhere moves the leadership of the metadata to another node than this one.
func (a *Admin) leadElsewhere(ctx context.Context, v *view, node int32) (int32, error) {
	if v.leader != node {
		return v.leader, nil
	}
	var failed error
	for _, id := range v.voters {
		if id == node || !v.inService(id) {
			continue
		}
		if failed = a.lead(ctx, v, id); failed == nil {
			return id, nil
		}
	}
	if failed == nil {
		failed = fmt.Errorf("no other voter than node %d is in service to lead the metadata", node)
	}
	return node, failed
}

// DrainLeadership moves all leaderships off a node. Other replicas become the leaders, and the preferred ones until
// Rebalance. Partitions that only this node can lead stay.
func (a *Admin) DrainLeadership(ctx context.Context, node int32) (*Transferred, error) {
	v, err := a.awaitNoMoves(ctx)
	if err != nil {
		return nil, err
	}
	if err := v.known(node); err != nil {
		return nil, err
	}
	t := &Transferred{}
	if t.MetadataLeader, err = a.leadElsewhere(ctx, v, node); err != nil {
		return nil, err
	}
	if t.Moves, err = a.move(ctx, v.layout().LeadElsewhere(node)); err != nil {
		return nil, err
	}
	if v, err = a.readView(ctx); err != nil {
		return nil, err
	}
	t.Elected, err = a.elect(ctx, v.ledBy(node))
	return t, err
}

// ledBy returns the partitions that a broker leads and that prefer another one.
func (v *view) ledBy(node int32) []partition {
	var all []partition
	for name, p := range v.partitions() {
		if p.Leader == node && p.Replicas[0] != node {
			all = append(all, name)
		}
	}
	return all
}

// Balanced is the result of a rebalance.
type Balanced struct {
	Dry     bool   `json:"dry_run"` // nothing was done
	Moves   []Move `json:"moves"`
	Elected int    `json:"elected"` // partitions whose preferred leader leads again
}

// Rebalance spreads replicas and leaderships evenly over the unfenced brokers. With dry it only returns the plan.
func (a *Admin) Rebalance(ctx context.Context, dry bool) (*Balanced, error) {
	v, err := a.awaitNoMoves(ctx)
	if err != nil {
		return nil, err
	}
	plan := v.layout().Balance()
	b := &Balanced{Dry: dry, Moves: []Move{}}
	if dry {
		for _, m := range plan {
			b.Moves = append(b.Moves, Move{m.Topic, m.Index, m.Replicas})
		}
		return b, nil
	}
	if b.Moves, err = a.move(ctx, plan); err != nil {
		return nil, err
	}
	if v, err = a.readView(ctx); err != nil {
		return nil, err
	}
	b.Elected, err = a.elect(ctx, v.notPreferred())
	return b, err
}

// notPreferred returns the partitions whose preferred leader could lead but does not.
func (v *view) notPreferred() []partition {
	var all []partition
	for name, p := range v.partitions() {
		first := p.Replicas[0]
		if p.Leader >= 0 && p.Leader != first && slices.Contains(p.ISR, first) && v.inService(first) {
			all = append(all, name)
		}
	}
	return all
}
