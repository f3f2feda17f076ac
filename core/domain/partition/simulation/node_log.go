package simulation

import (
	"errors"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// append appends a batch to the log.
func (n *node) append(b batch) {
	n.r.Appended(b.base, b.next(), b.epoch)
	n.disk.append(b)
	n.sync(b)
}

// sync syncs a batch some time later.
func (n *node) sync(b batch) {
	if n.w.opt.Lazy || n.w.opt.Breaks == AckDurableOnly {
		n.written(n.disk.end())
	}
	end, d := b.next(), n.disk
	took := n.w.between(500*time.Microsecond, 5*time.Millisecond)
	if !n.w.calm && n.w.chance(5) {
		took = n.w.between(5*time.Millisecond, 150*time.Millisecond)
	}
	n.later(took, func() {
		if n.disk != d || end > d.end() || end <= d.synced {
			return
		}
		d.synced = end
		n.written(end)
	})
}

// written tells the replica what is durable.
func (n *node) written(end int64) {
	n.do(n.r.Durable(end, n.clock()))
	n.acknowledge()
	if n.w.opt.Breaks != GrowWhenAsked || n.r.Role() != partition.RoleLeader {
		return
	}
	for _, m := range n.joining { // treated as if they did not count yet
		if b := n.image.brokers[m.Broker]; !slices.Contains(n.image.ISR, m.Broker) && b.Epoch == m.Epoch {
			_, epoch := n.r.Leader()
			f := partition.FollowerFetch{
				Replica: m.Broker, BrokerEpoch: m.Epoch, LeaderEpoch: epoch, Offset: n.durable(), LastEpoch: -1,
			}
			if reply, err := n.r.FollowerFetched(f, n.clock()); err == nil {
				n.do(reply.Effects)
			}
		}
	}
}

// cut truncates or resets the log. That takes a while, since everything that was appended is synced first.
func (n *node) cut(fx partition.Effects) {
	n.cutting = true
	to := fx.To
	r := n.r
	n.later(n.w.between(time.Millisecond, 30*time.Millisecond), func() {
		if n.r != r {
			return
		}
		n.cutting = false
		n.disk.synced = n.disk.end()
		switch {
		case fx.Reset:
			n.disk.reset(to)
			n.verified = to
		case to >= n.disk.begin: // the log refuses a lower offset, if its start has risen meanwhile
			n.cutDisk(to)
			n.disk.synced = n.disk.end()
		}
		n.w.out.Cuts++
		n.w.trace("%d cuts its log to %d, reset %v", n.id, to, fx.Reset)
		n.do(r.Truncated(n.disk.state(n.durable()), n.clock()))
	})
}

// begin resets the log to an offset and appends records, which takes a while.
func (n *node) begin(to int64, records []batch) {
	n.cutting = true
	r := n.r
	n.later(n.w.between(time.Millisecond, 30*time.Millisecond), func() {
		if n.r != r {
			return
		}
		n.cutting = false
		n.disk.reset(to)
		n.verified = to
		state := n.disk.state(n.durable())
		for _, b := range records {
			n.disk.append(b)
			state = state.Appended(b.base, b.next(), b.epoch)
		}
		n.do(r.Truncated(state, n.clock()))
		for _, b := range records {
			n.sync(b)
		}
	})
}

func (n *node) cutDisk(to int64) {
	n.disk.cut(to)
	n.verified = min(n.verified, n.disk.end())
}

// cleanable returns the end of what retention and compaction may touch, unless they break the rule.
func (n *node) cleanable(rule Rule) int64 {
	if n.w.opt.Breaks == rule {
		return n.durable()
	}
	return min(n.r.HighWatermark(), n.durable())
}

// deleteOld deletes some old records, as retention does, sometimes all that it may.
func (n *node) deleteOld() {
	if n.r == nil {
		return
	}
	some := n.cleanable(DeleteCommitted) - n.disk.begin
	if some <= 0 {
		return
	}
	if !n.w.chance(20) {
		some = n.w.rng.Int64N(some) / 2
	}
	n.raiseStart(n.disk.begin + some)
}

// compact compacts the log.
func (n *node) compact() {
	if n.r == nil {
		return
	}
	n.disk.compact(n.cleanable(CompactCommitted), n.w.opt.Breaks != KeepWhereEpochsBegin)
	n.verified = n.disk.begin // the whole log is compared again
}

func (n *node) raiseStart(start int64) {
	n.disk.raiseStart(start)
	n.verified = max(n.verified, n.disk.begin)
	n.do(n.r.Started(n.disk.begin, n.clock()))
}

// produce appends a client's batch.
func (n *node) produce(b batch, acks int16, done func(error)) {
	if n.r == nil {
		done(fault.NotLeaderOrFollower)
		return
	}
	if err := n.r.Admit(acks, n.clock()); err != nil {
		done(err)
		return
	}
	b.raw = slices.Clone(b.raw)
	dup, err := n.disk.producers.Check(b.raw)
	if err != nil {
		done(err)
		return
	}
	if n.w.opt.Breaks != AwaitFirstBatches && n.clock() < n.awaits && n.disk.producers.StartsAmid(b.raw) {
		done(fault.NotLeaderOrFollower)
		return
	}
	_, epoch := n.r.Leader()
	b.base, b.epoch = n.disk.end(), epoch
	end := b.next()
	if dup != nil {
		b.base, end = dup.FirstOffset, dup.LastOffset+1
	}
	if n.w.opt.Breaks == AckDuplicates && b.base < 0 {
		end = 0
	}
	if acks != 0 {
		n.acks = append(n.acks, ack{end: end, acks: acks, b: b, done: done})
	}
	if dup != nil {
		n.acknowledge()
		return
	}
	b.raw.SetBaseOffset(b.base)
	b.raw.SetLeaderEpoch(b.epoch)
	n.append(b)
}

// read answers a consumer with the end of what it may read.
func (n *node) read(epoch int32) (int64, error) {
	if n.r == nil {
		return -1, fault.NotLeaderOrFollower
	}
	if err := n.r.CheckEpoch(epoch); err != nil {
		return -1, err
	}
	end, err := n.r.Readable(n.clock())
	if n.w.opt.Breaks == ReadWhenKnown && errors.Is(err, fault.OffsetNotAvailable) {
		end, err = n.r.HighWatermark(), nil
	}
	if err == nil {
		n.w.check.read(n, end)
	}
	return end, err
}

// fetch asks the leader for more.
func (n *node) fetch() {
	if n.r == nil || n.asked > 0 && n.w.now-n.asked < 80*time.Millisecond {
		return
	}
	leader, f, ok := n.r.NextFetch()
	if !ok {
		return
	}
	asked := f
	if n.w.opt.Breaks == CompareEpochs {
		f.LastEpoch = -1
	}
	n.asked = n.w.now
	limit := 1 + n.w.rng.IntN(8)
	n.w.net.send(n.id, leader, func() {
		l := n.w.nodes[leader]
		answer, records, answered := l.serve(f, limit)
		if !answered {
			return
		}
		answer.To = asked
		n.w.net.send(leader, n.id, func() { n.answered(answer, records) })
	})
}

// serve answers a follower.
func (n *node) serve(f partition.FollowerFetch, limit int) (a partition.FetchAnswer, records []batch, ok bool) {
	if n.r == nil {
		return a, nil, false
	}
	if n.w.opt.Breaks == KnowWhereLogsBegin {
		f.Start = 0
	}
	reply, err := n.r.FollowerFetched(f, n.clock())
	a = partition.FetchAnswer{LogStart: n.disk.begin}
	if n.w.opt.Breaks == ResetWhenForgotten && errors.Is(err, fault.OffsetOutOfRange) && f.LastEpoch >= 0 &&
		f.Offset >= n.disk.begin {
		if f.Offset > n.disk.begin { // as Kafka does
			a.Diverging, a.DivergingEpoch, a.DivergingEnd = true, f.LastEpoch, n.disk.begin
			return a, nil, true
		}
		f.LastEpoch = -1
		reply, err = n.r.FollowerFetched(f, n.clock())
	}
	switch {
	case errors.Is(err, fault.OffsetOutOfRange):
		a.OutOfRange = true
		return a, nil, true
	case err != nil:
		return a, nil, false
	}
	n.do(reply.Effects)
	a.HighWatermark = n.r.HighWatermark()
	a.Diverging, a.DivergingEpoch, a.DivergingEnd = reply.Diverging, reply.DivergingEpoch, reply.DivergingEnd
	if !reply.Diverging {
		records = n.disk.read(f.Offset, reply.End, limit)
	}
	return a, records, true
}

// answered applies the leader's answer.
func (n *node) answered(a partition.FetchAnswer, records []batch) {
	if n.r == nil {
		return
	}
	n.asked = 0
	if _, f, ok := n.r.NextFetch(); n.w.opt.Breaks == MatchAnswers && ok && f.Offset == a.To.Offset &&
		f.LeaderEpoch == a.To.LeaderEpoch {
		a.To = f
	}
	if len(records) > 0 && records[0].base < n.disk.end() {
		a.Early, a.First = true, records[0].base
	}
	fx := n.r.FetchAnswered(a, n.clock())
	if n.w.opt.Breaks == CutByOwnEpochs && fx.Truncate {
		fx.To = min(a.DivergingEnd, n.disk.end())
	}
	n.do(fx)
	if fx.Begin {
		n.begin(fx.To, records)
	}
	if fx.Append {
		for _, b := range records {
			if b.base < n.disk.end() {
				n.w.fail("%d, whose log ends at %d, is sent the batch at %d", n.id, n.disk.end(), b.base)
				return
			}
			n.append(b)
		}
	}
}
