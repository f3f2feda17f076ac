package controller

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// electionsAtOnce is how many elections run concurrently; they share commits.
const electionsAtOnce = 64

// balance gives leadership back to the preferred replicas, and elects leaders where an unclean election has become
// allowed, every leader.imbalance.check.interval.seconds until ctx ends.
func (c *Controller) balance(ctx context.Context) error {
	for {
		timer := time.NewTimer(time.Duration(c.configs.Int("leader.imbalance.check.interval.seconds")) * time.Second)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		if !c.store.Leadership().Local {
			continue
		}
		elected, err := c.elect(ctx, c.wanted(c.store.Image()))
		if err != nil && ctx.Err() == nil {
			c.log.WarnContext(ctx, "leaders not balanced", "err", err)
		}
		if elected > 0 {
			c.log.InfoContext(ctx, "leaders balanced", "elections", elected)
		}
	}
}

// wanted returns the elections that img calls for. As in KRaft there is no threshold for the imbalance.
func (c *Controller) wanted(img *metadata.Image) []metadata.ElectLeader {
	rebalance := c.configs.Bool("auto.leader.rebalance.enable")
	active := func(id int32) bool {
		b, ok := img.Broker(id)
		return ok && b.Active()
	}
	var elections []metadata.ElectLeader
	for t := range img.Topics() {
		for n := range t.Partitions {
			p := &t.Partitions[n]
			preferred := p.Replicas[0]
			switch {
			case p.Leader < 0 && img.UncleanElection(t) && slices.ContainsFunc(p.Replicas, active):
				elections = append(elections, metadata.ElectLeader{TopicID: t.ID, Partition: int32(n), Unclean: true})
			case p.Leader >= 0 && p.Leader != preferred && rebalance &&
				slices.Contains(p.ISR, preferred) && active(preferred):
				elections = append(elections, metadata.ElectLeader{TopicID: t.ID, Partition: int32(n)})
			}
		}
	}
	return elections
}

// elect applies elections and returns how many took place. An election that has become unnecessary or impossible
// meanwhile is no error.
func (c *Controller) elect(ctx context.Context, elections []metadata.ElectLeader) (elected int, err error) {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(electionsAtOnce)
	done := make([]bool, len(elections))
	for n, cmd := range elections {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			_, err := c.store.Apply(ctx, cmd)
			done[n] = err == nil
			for _, harmless := range []fault.Kind{
				fault.UnknownTopicOrPartition, fault.ElectionNotNeeded, fault.PreferredLeaderNotAvailable,
				fault.EligibleLeadersNotAvailable,
			} {
				if errors.Is(err, harmless) {
					return nil
				}
			}
			return err
		})
	}
	err = g.Wait()
	for _, took := range done {
		if took {
			elected++
		}
	}
	return elected, err
}
