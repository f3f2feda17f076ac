package controller

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// describeTime bounds how long Describe waits for a majority, so that a client gets an answer in any case.
const describeTime = time.Second

// Describe describes the quorum as the metadata's leader knows it, or if the leader does not answer, as this node knows
// it. Without a majority the error is fault.NotController, with the voters that this node knows. forwarded means that
// another node asks; then the leader is not asked.
func (v *Voters) Describe(ctx context.Context, forwarded bool) (QuorumDescription, error) {
	bounded, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	m, err := v.group.Members(bounded)
	if err != nil {
		known, _ := v.own.Describe(ctx, forwarded)
		return known, fault.New(fault.NotController, "members of the metadata group: %w", err)
	}
	leader, term := v.group.LeaderTerm()
	self := v.own.Node()
	if leader >= 0 && leader != self && !forwarded {
		if described, err := v.forward(bounded, leader); err == nil {
			return described, nil
		}
	}
	known := v.own.known()
	described := QuorumDescription{
		Leader: leader, LeaderEpoch: term, HighWatermark: int64(v.store.Image().Index()),
		Voters: replicasOf(m.Voters, known), Observers: replicasOf(m.Observers, known),
	}
	if leader == self {
		v.progress.Describe(&described)
	}
	return described, nil
}
