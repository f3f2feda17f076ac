package replicas

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// viewOf is a partition as metadata shows it to a broker that is registered under brokerEpoch.
func viewOf(at *metadata.Partition, brokerEpoch int64) partition.View {
	return partition.View{
		Leader: at.Leader, LeaderEpoch: at.LeaderEpoch, Version: at.Version, Replicas: at.Replicas, ISR: at.ISR, BrokerEpoch: brokerEpoch,
	}
}

// install takes over what metadata says of the partition.
func (p *Partition) install(v partition.View) {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		fx := r.Install(v, now)
		if v.Version >= p.version.Load() {
			if v.LeaderEpoch != p.newest.LeaderEpoch {
				p.crowded.Store(false) // what was refused was to be appended in the other role
			}
			p.version.Store(v.Version)
			p.newest = v
		}
		p.takenOver(r)
		return fx
	})
}

// takenOver notes whose log starts count, when the replica has taken over the newest view: it does so later when its log is being cut. Called under
// the lock.
func (p *Partition) takenOver(r *partition.Replica) {
	if r.Version() == p.newest.Version {
		p.deletions.decided(p.newest.ISR, p.newest.LeaderEpoch)
	}
}

// tick lets time pass.
func (p *Partition) tick() {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects { return r.Tick(now) })
	p.giveUp()
}

// followed takes the fetch of a follower, and returns the end of what it may have, or where the logs part, and the
// partition as it is then. Errors are those of partition.Replica.FollowerFetched; of a partition that is unusable
// only the view tells.
func (p *Partition) followed(f partition.FollowerFetch) (reply partition.FetchReply, v view, err error) {
	stepped := false
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		if reply, err = r.FollowerFetched(f, now); err == nil {
			p.deletions.followed(f.Replica, f.Start)
		}
		v, stepped = p.viewed(partition.NoEpoch), true
		return reply.Effects
	})
	if !stepped {
		v = p.view(partition.NoEpoch)
	}
	return reply, v, err
}

// proposal returns the change of the ISR that metadata is to decide; ok is false when there is none.
func (p *Partition) proposal(eligible func(broker int32, epoch int64) bool) (proposal partition.Proposal, ok bool) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if p.gone != nil {
		return partition.Proposal{}, false
	}
	return p.replica.Propose(p.now(), eligible)
}

// offline reports whether the partition is unusable because its log has failed.
func (p *Partition) offline() bool { return errors.Is(p.failed(), fault.KafkaStorageError) }

// proposalFailed notes that a proposal was refused, or that its fate is not known.
func (p *Partition) proposalFailed(proposal partition.Proposal) {
	p.tail.Lock()
	defer p.tail.Unlock()
	p.replica.ProposalFailed(proposal)
}

// follows returns the leader that this replica follows; ok is false when it follows none.
func (p *Partition) follows() (leader int32, ok bool) {
	p.tail.Lock()
	defer p.tail.Unlock()
	leader, _ = p.replica.Leader()
	return leader, p.gone == nil && leader >= 0 && p.replica.Role() == partition.RoleFollower
}

// serves returns the end of what the follower on broker id is known to have; ok is false when it is not in sync or does not have offset.
func (p *Partition) serves(id int32, offset int64) (end int64, ok bool) {
	p.tail.Lock()
	defer p.tail.Unlock()
	end, ok = p.replica.InSync(id)
	start, known := p.deletions.starts[id]
	return end, ok && known && start <= offset && offset <= end
}

// nextFetch returns what to ask the leader for; ok is false when there is nothing to ask now.
func (p *Partition) nextFetch() (f partition.FollowerFetch, ok bool) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if p.gone != nil {
		return partition.FollowerFetch{}, false
	}
	_, f, ok = p.replica.NextFetch()
	return f, ok
}

// fetchWait returns how long this follower has to wait with its next fetch, 0 when it need not: after its log could not be cut, or for the
// sake of the bandwidth. For that, one that producers may wait for never has to.
func (p *Partition) fetchWait(q *replicationQuota) time.Duration {
	if left := p.cutWait.Load() - int64(p.now()); left > 0 {
		return time.Duration(left)
	}
	throttle := &p.config.Load().FollowerThrottle
	if !throttle.Replicas.Has(p.index) {
		return 0
	}
	p.tail.Lock()
	keepsUp := p.replica.KeepsUp()
	p.tail.Unlock()
	if keepsUp {
		return 0
	}
	return q.wait(throttle.Rate)
}

// takeIn shows the replica what the leader has answered to a fetch, and appends the records when the replica wants them; they are durable some
// time later. When the log is to be cut, or to be reset, the caller calls cut.
func (p *Partition) takeIn(a partition.FetchAnswer, records []byte) (partition.Effects, error) {
	p.order.Lock()
	defer p.order.Unlock()
	if p.cutting.Load() {
		return partition.Effects{}, nil
	}
	batches, err := p.fetchedBatches(records)
	if err != nil {
		return partition.Effects{}, err
	}
	if size := sizeOf(batches); size > 0 {
		if err := p.room(size); err != nil {
			return partition.Effects{}, err
		}
	} else {
		p.crowded.Store(false) // it lacks nothing
	}
	if len(batches) > 0 && batches[0].BaseOffset() < p.log.EndOffset() {
		a.Early, a.First = true, batches[0].BaseOffset()
	}
	var epochs []partition.EpochStart
	fx := p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		fx := r.FetchAnswered(a, now)
		if fx.Append { // in the same step: the replica may be elected in the next
			begins := false
			for _, b := range batches {
				begins = r.Appended(b.BaseOffset(), b.NextOffset(), b.LeaderEpoch()) || begins
			}
			if begins {
				epochs = r.Epochs()
			}
		}
		return fx
	})
	if fx.Truncate || fx.Reset || fx.Begin {
		p.cutting.Store(true)
	}
	if !fx.Append || len(batches) == 0 {
		return fx, nil
	}
	return fx, p.log.Append(batches, epochs, p.clock())
}

// fetchedBatches returns the leader's batches that follow the log's end, after having looked at their checksums: damaged bytes must
// not spread. It is called with order held.
func (p *Partition) fetchedBatches(records []byte) (batches []record.Batch, err error) {
	end := p.log.EndOffset()
	empty := end == p.log.StartOffset() // it may have to begin within the leader's first batch
	for rest := records; len(rest) > 0; {
		var b record.Batch
		if b, rest, err = record.Next(rest); err == nil {
			err = b.VerifyCRC()
		}
		switch {
		case err != nil:
			return nil, fault.New(fault.CorruptMessage, "records of %s-%d from the leader: %w", p.topic, p.index, err)
		case b.NextOffset() <= end: // the leader sends the whole batch that an offset is in
			continue
		case b.BaseOffset() < end && (!empty || len(batches) > 0):
			return nil, fault.New(fault.CorruptMessage, "records of %s-%d from the leader begin at %d, the log ends at %d", p.topic, p.index, b.BaseOffset(), end)
		}
		end = b.NextOffset()
		batches = append(batches, b)
	}
	return batches, nil
}

// cut truncates the log, or resets it, as the replica wants: with records, of the fetch's answer, where it wants these. It
// may take long, and keeps only those waiting who would change the log. After an error the log is what it is then, and the
// leader is asked again.
func (p *Partition) cut(ctx context.Context, fx partition.Effects, records []byte) error {
	var err error
	if fx.Truncate {
		err = p.log.Truncate(ctx, fx.To)
	} else {
		err = p.log.ResetTo(ctx, fx.To)
	}
	p.order.Lock()
	defer p.order.Unlock()
	var batches []record.Batch
	if err == nil && fx.Begin {
		batches, err = p.fetchedBatches(records)
	}
	if err != nil {
		p.cutWait.Store(int64(p.now() + fetchRestore)) // before the next step has it fetched for again
	}
	p.cutting.Store(false)
	state := logState(p.log)
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		if fx.Truncate || err != nil { // else nothing is left
			state.Epochs = r.EpochsBelow(state.End)
		}
		for _, b := range batches {
			state = state.Appended(b.BaseOffset(), b.NextOffset(), b.LeaderEpoch())
		}
		fx := r.Truncated(state, now)
		p.takenOver(r)
		return fx
	})
	if err != nil {
		return err
	}
	p.letGo() // what was cut off was durable before
	return p.log.Append(batches, state.Epochs, p.clock())
}

// logState is what a replica has to know of its log, but for the leader epochs. The caller holds order, or is alone with
// the log.
func logState(l ports.Log) partition.LogState {
	return partition.LogState{Start: l.StartOffset(), End: l.EndOffset(), Durable: l.DurableEnd()}
}
