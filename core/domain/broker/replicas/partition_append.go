package replicas

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// placement is where a batch was put.
type placement struct {
	baseOffset    int64
	logAppendTime int64 // milliseconds, -1 unless the topic's timestamps are LogAppendTime or the batch is a duplicate
	logStart      int64 // the log start offset at that moment
}

// append validates b against the state of its producer and appends it to the log. a.done gets the batch's placement and
// later its result, or neither when append returns an error. In-sync replicas are waited for as long as wait says (0:
// for ever); then the result is fault.RequestTimedOut.
//
// A duplicate is a batch that was appended before (KIP-98). It is acknowledged with its old offset once that is as
// durable as a.acks asks for. If the offset is not remembered, the result is fault.DuplicateSequence.
//
// Errors: fault.NotLeaderOrFollower, NotEnoughReplicas, those of the producer's state, KafkaStorageError.
func (p *Partition) append(b record.Batch, a ack, wait time.Duration) error {
	return p.appendIn(partition.NoEpoch, b, a, wait)
}

// appendIn is append in the leader epoch only, unless that is -1. Otherwise the error is fault.NotLeaderOrFollower.
func (p *Partition) appendIn(only int32, b record.Batch, a ack, wait time.Duration) error {
	now := p.clock()
	if wait > 0 {
		a.until = p.now() + wait
	}
	p.order.Lock()
	defer p.order.Unlock()
	v := p.judge(b)
	to := placement{logAppendTime: record.NoTimestamp}
	if v.appends() && p.config.Load().LogAppendTime {
		to.logAppendTime = now.UnixMilli()
		b.SetLogAppendTime(to.logAppendTime)
	}
	epochs, err := p.reserve(b, &a, only, v, to)
	switch {
	case !v.appends():
		return err
	case err != nil:
		p.space.giveBack(useOf(p.topic), len(b))
		return err
	}
	if err := p.log.Append([]record.Batch{b}, epochs, now); err != nil && p.withdraw(&a) {
		return err
	}
	return nil
}

// verdict says whether a batch may be appended, by the state of its producer and by the space on the disk. It counts
// only if this broker leads, which reserve checks.
type verdict struct {
	known   *partition.Appended // where the batch was appended before, nil if it was not
	refusal error               // why it must not be appended, nil if it may
	crowded bool                // because there is no space for it
}

func (v verdict) appends() bool { return v.known == nil && v.refusal == nil }

// judge returns the verdict on b. Called with order held.
func (p *Partition) judge(b record.Batch) (v verdict) {
	if p.cutting.Load() { // only a follower's log is cut, and its producers are not known meanwhile
		v.refusal = fault.NotLeaderOrFollower
		return v
	}
	if v.known, v.refusal = p.state.Producers.Check(b); v.refusal != nil {
		v.refusal = p.gapError(v.refusal)
	} else if v.known == nil {
		v.refusal = p.space.take(useOf(p.topic), len(b))
		v.crowded = v.refusal != nil
	}
	return v
}

// reserve assigns b the offsets at the log's end, if this broker leads and the verdict allows it, and queues a. It is
// called before the log gets the batch, which may be durable at any moment from then on. For a duplicate, a waits for
// the batch that was appended before. When b begins a leader epoch, all epochs are returned, for the log to store. The
// caller holds order.
func (p *Partition) reserve(
	b record.Batch, a *ack, only int32, v verdict, to placement,
) (epochs []partition.EpochStart, err error) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if err = p.gone; err == nil {
		err = p.replica.Admit(a.acks, p.now())
	}
	if err != nil {
		p.refuse(err)
		return nil, err
	}
	_, epoch := p.replica.Leader()
	switch {
	case only >= 0 && epoch != only:
		return nil, fault.NotLeaderOrFollower
	case v.crowded:
		p.crowds(true)
		p.refuse(v.refusal)
		return nil, v.refusal
	case v.refusal != nil:
		return nil, v.refusal
	}
	to.logStart, to.baseOffset = p.replica.Bounds()
	if v.known != nil {
		to.baseOffset = v.known.FirstOffset
		to.logAppendTime = v.known.Timestamp // whatever the timestamp type, as in Kafka
		a.end = v.known.LastOffset + 1
		if v.known.FirstOffset < 0 {
			a.err = fault.DuplicateSequence // clients take it for a success with an unknown offset
		}
		a.done.assign(a.slot, to)
		p.joins(a)
		return nil, nil
	}
	if err := p.gapBefore(b); err != nil {
		return nil, err
	}
	p.crowds(false)
	b.SetBaseOffset(to.baseOffset)
	b.SetLeaderEpoch(epoch)
	a.end = b.NextOffset()
	if p.replica.Appended(to.baseOffset, a.end, epoch) {
		epochs = p.replica.Epochs()
	}
	a.done.assign(a.slot, to)
	line := p.queueOf(a.acks)
	*line = append(*line, *a)
	return epochs, nil
}
