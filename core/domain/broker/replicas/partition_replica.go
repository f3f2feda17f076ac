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

// viewOf returns the state of a partition in the metadata, for a broker that is registered under brokerEpoch.
func viewOf(at *metadata.Partition, brokerEpoch int64) partition.View {
	return partition.View{
		Leader: at.Leader, LeaderEpoch: at.LeaderEpoch, Version: at.Version,
		Replicas: at.Replicas, ISR: at.ISR, BrokerEpoch: brokerEpoch,
	}
}

// install applies the partition's state in the metadata.
func (p *Partition) install(v partition.View) {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		fx := r.Install(v, now)
		if v.Version >= p.version.Load() {
			if v.LeaderEpoch != p.newest.LeaderEpoch {
				p.crowded.Store(false) // the append was refused in another role
			}
			p.version.Store(v.Version)
			p.newest = v
		}
		p.takenOver(r)
		return fx
	})
}

// takenOver updates the ISR of deletions once the replica has applied the newest view. While its log is being cut, the
// replica applies a view only afterwards. The caller holds tail.
func (p *Partition) takenOver(r *partition.Replica) {
	if r.Version() == p.newest.Version {
		p.deletions.decided(p.newest.ISR, p.newest.LeaderEpoch)
	}
}

// tick tells the replica the time, and answers appends that have waited too long.
func (p *Partition) tick() {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects { return r.Tick(now) })
	p.giveUp()
}

// followed processes the fetch of a follower. It returns the end of what the follower may read, or where the logs
// diverge, and the view of the partition afterwards. Errors are those of partition.Replica.FollowerFetched; that the
// partition is unusable is in the view only.
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

// proposal returns the change of the ISR to be proposed to the metadata; ok is false when there is none.
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

// proposalFailed tells the replica that a proposal was refused, or that its outcome is unknown.
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

// serves returns the end of what the follower on broker id is known to have; ok is false when it is not in sync or does
// not have offset.
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

// fetchWait returns how long this follower has to wait before its next fetch, 0 if it need not. It waits after its log
// could not be cut, and for its throttle. A follower that is in sync is not throttled, since producers may wait for it.
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

// fetchAnswered passes the leader's answer to the replica and appends the records if the replica accepts them; it does
// not wait until they are durable. When the effects truncate or reset the log, the caller calls cut.
func (p *Partition) fetchAnswered(a partition.FetchAnswer, records []byte) (partition.Effects, error) {
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
		p.crowded.Store(false) // it has all that the leader has
	}
	if len(batches) > 0 && batches[0].BaseOffset() < p.log.EndOffset() {
		a.Early, a.First = true, batches[0].BaseOffset()
	}
	var epochs []partition.EpochStart
	fx := p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		fx := r.FetchAnswered(a, now)
		if fx.Append { // in the same step, because the replica may be elected in the next one
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
	if !fx.Append && !fx.Begin {
		p.space.giveBack(useOf(p.topic), sizeOf(batches))
	}
	if !fx.Append || len(batches) == 0 {
		return fx, nil
	}
	return fx, p.log.Append(batches, epochs, p.clock())
}

// fetchedBatches returns the leader's batches that follow the log's end. It verifies their checksums, so that damaged
// bytes do not spread. The caller holds order.
func (p *Partition) fetchedBatches(records []byte) (batches []record.Batch, err error) {
	end := p.log.EndOffset()
	empty := end == p.log.StartOffset() // then the log may begin within the leader's first batch
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
			return nil, fault.New(fault.CorruptMessage,
				"records of %s-%d from the leader begin at %d, the log ends at %d", p.topic, p.index, b.BaseOffset(), end)
		}
		end = b.NextOffset()
		batches = append(batches, b)
	}
	return batches, nil
}

// cut truncates or resets the log, as fx says, and with fx.Begin appends records, those of the fetch's answer, to the
// empty log. It may take long, and holds no lock meanwhile: p.cutting keeps other changes away. After an error the
// replica goes on with the log as it is then, and asks the leader again.
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
		p.cutWait.Store(int64(p.now() + fetchRestore)) // before the next step, which queues a fetch
	}
	p.cutting.Store(false)
	state := logState(p.log)
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		if fx.Truncate || err != nil { // a reset log has no epochs
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
	p.releaseHeld() // a log truncates only what is durable, so it does not need the bytes of failed appends
	return p.log.Append(batches, state.Epochs, p.clock())
}

// logState returns what a replica needs to know of its log, without the leader epochs. The caller holds order, or is
// the only user of the log.
func logState(l ports.Log) partition.LogState {
	return partition.LogState{Start: l.StartOffset(), End: l.EndOffset(), Durable: l.DurableEnd()}
}
