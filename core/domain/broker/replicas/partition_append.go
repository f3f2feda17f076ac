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

// append decides over b and orders it behind the log's end. a.done is told where it was put and then of its fate; it
// is told nothing when append returns an error. A batch that was appended before is answered with its old offset, as
// soon as that is as durable as a.acks asks (KIP-98), or with fault.DuplicateSequence when the offset is not remembered.
// Errors: fault.NotLeaderOrFollower, NotEnoughReplicas, those of the producer's state, KafkaStorageError. In-sync
// replicas are waited for as long as wait says, then a.done is told fault.RequestTimedOut; 0 is for ever.
func (p *Partition) append(b record.Batch, a ack, wait time.Duration) error {
	return p.appendIn(partition.NoEpoch, b, a, wait)
}

// appendIn is append in one leader epoch only, unless that is -1.
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
	if err != nil || !v.appends() {
		return err
	}
	if err := p.log.Append([]record.Batch{b}, epochs, now); err != nil && p.withdraw(&a) {
		return err
	}
	return nil
}

// verdict is what is decided over a batch by its producer and by the disk's space. Whether this broker leads, which
// comes first, reserve decides.
type verdict struct {
	known   *partition.Appended // the batch was appended before, as this
	refusal error               // it must not be appended
}

func (v verdict) appends() bool { return v.known == nil && v.refusal == nil }

// judge returns the verdict on b. Called with order held.
func (p *Partition) judge(b record.Batch) (v verdict) {
	if p.cutting.Load() { // followers do that, and their producers are not known meanwhile
		v.refusal = fault.NotLeaderOrFollower
		return v
	}
	if v.known, v.refusal = p.state.Producers.Check(b); v.refusal != nil {
		v.refusal = p.orWhatIsMissing(v.refusal)
	} else if v.known == nil {
		v.refusal = p.room(len(b))
	}
	return v
}

// reserve gives b its place behind the log's end, if this broker leads and the verdict allows it, and puts a in line for
// it: before the log knows the batch, for it may be durable at any moment after. A batch that was appended before is
// waited for where it stands. When b begins a leader epoch, the epochs with that are returned, for the log to store.
// Called with order held.
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
	case v.refusal != nil:
		return nil, v.refusal
	}
	to.logStart, to.baseOffset = p.replica.Bounds()
	if v.known != nil {
		to.baseOffset, to.logAppendTime = v.known.FirstOffset, v.known.Timestamp // whatever the timestamp's type, as in Kafka
		a.end = v.known.LastOffset + 1
		if v.known.FirstOffset < 0 {
			a.err = fault.DuplicateSequence // for clients a success whose offset is not known
		}
		a.done.assign(a.slot, to)
		p.joins(a)
		return nil, nil
	}
	b.SetBaseOffset(to.baseOffset)
	b.SetLeaderEpoch(epoch)
	a.end = b.NextOffset()
	if p.replica.Appended(to.baseOffset, a.end, epoch) {
		epochs = p.replica.Epochs()
	}
	a.done.assign(a.slot, to)
	line := p.line(a.acks)
	*line = append(*line, *a)
	return epochs, nil
}
