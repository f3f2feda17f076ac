package broker

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// Partition is one partition that this broker leads. Two locks, always taken in this order:
// order puts appends in sequence, tail guards who waits for the log's end. Neither is held while a
// disk or a client is waited for.
type Partition struct {
	topic string
	id    metadata.TopicID
	index int32
	clock Clock

	config      atomic.Pointer[TopicConfig]
	leaderEpoch atomic.Int32
	hw          atomic.Int64 // high watermark: the end of what consumers may read

	order sync.Mutex
	log   ports.Log

	tail    sync.Mutex
	acks    []ack     // appends not yet durable, in the order of their offsets
	waiters []*waiter // fetches that wait for the high watermark to rise
	gone    error     // why nothing can be appended or waited for any more
	ready   []ack     // scratch of Durable, which is called by one goroutine at a time
}

// ack is an append that waits for its durability.
type ack struct {
	end  int64 // the offset behind it
	done acknowledger
	slot int // what the append was to its request
}

// acknowledger is told of an append: first where it was put, then, when it is durable or lost, of its fate.
// Both must return at once.
type acknowledger interface {
	assign(slot int, to placement)
	acknowledge(slot int, err error)
}

// waiter is a fetch that waits for new records in any of its partitions.
type waiter struct{ wake chan struct{} }

func newWaiter() *waiter { return &waiter{wake: make(chan struct{}, 1)} }

func (w *waiter) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

// placement is where a batch was put.
type placement struct {
	baseOffset    int64
	logAppendTime int64 // milliseconds, -1 unless the topic's timestamps are LogAppendTime or the batch is a duplicate
	logStart      int64 // the log start offset at that moment
}

// append decides over b and orders it behind the log's end. done is told in slot where it was put and then of its fate; it
// is told nothing when append returns an error. A batch that was appended before is answered with its old
// offset, as soon as that is durable (KIP-98).
func (p *Partition) append(b record.Batch, done acknowledger, slot int) error {
	now := p.clock()
	logAppendTime := p.config.Load().LogAppendTime

	p.order.Lock()
	defer p.order.Unlock()
	dup, err := p.log.Producers().Check(b)
	if err != nil {
		return err
	}
	to := placement{logAppendTime: record.NoTimestamp, logStart: p.log.StartOffset()}
	if dup != nil {
		to.baseOffset, to.logAppendTime = dup.FirstOffset, dup.Timestamp // whatever the timestamp's type, as in Kafka
		return p.await(ack{end: dup.LastOffset + 1, done: done, slot: slot}, to)
	}
	to.baseOffset = p.log.EndOffset()
	b.SetBaseOffset(to.baseOffset)
	b.SetLeaderEpoch(p.leaderEpoch.Load())
	if logAppendTime {
		to.logAppendTime = now.UnixMilli()
		b.SetLogAppendTime(to.logAppendTime)
	}
	// The ack stands in line before the log knows the batch: Durable may be called at any moment after.
	if err := p.await(ack{end: b.NextOffset(), done: done, slot: slot}, to); err != nil {
		return err
	}
	if err := p.log.Append([]record.Batch{b}, now); err != nil {
		if p.withdraw(done, slot) {
			return err
		}
	}
	return nil
}

// await puts a in line for the high watermark to pass it, or acknowledges it when that has happened.
func (p *Partition) await(a ack, to placement) error {
	p.tail.Lock()
	defer p.tail.Unlock()
	if p.gone != nil {
		return p.gone
	}
	a.done.assign(a.slot, to)
	if a.end <= p.hw.Load() {
		a.done.acknowledge(a.slot, nil)
		return nil
	}
	p.acks = append(p.acks, a)
	return nil
}

// withdraw takes the newest ack out of line. It reports false when the partition's end has answered it already.
func (p *Partition) withdraw(done acknowledger, slot int) bool {
	p.tail.Lock()
	defer p.tail.Unlock()
	n := len(p.acks)
	if n == 0 || p.acks[n-1].done != done || p.acks[n-1].slot != slot {
		return false
	}
	p.acks = p.acks[:n-1]
	return true
}

// Durable raises the high watermark: standalone, what is durable here is what consumers may read.
func (p *Partition) Durable(end int64) {
	p.tail.Lock()
	if end <= p.hw.Load() {
		p.tail.Unlock()
		return
	}
	p.hw.Store(end)
	n := 0
	for n < len(p.acks) && p.acks[n].end <= end {
		n++
	}
	p.ready = append(p.ready[:0], p.acks[:n]...)
	p.acks = slices.Delete(p.acks, 0, n)
	waiters := p.waiters
	p.waiters = nil
	p.tail.Unlock()

	for _, a := range p.ready {
		a.done.acknowledge(a.slot, nil)
	}
	clear(p.ready)
	for _, w := range waiters {
		w.notify()
	}
}

// Offline fails everything that waits: the log accepts nothing any more.
func (p *Partition) Offline(err error) {
	p.end(fault.New(fault.KafkaStorageError, "log of %s-%d is offline: %w", p.topic, p.index, err))
}

// Start is told that records were deleted. Consumers learn of it at their next fetch.
func (p *Partition) Start(start int64) {
	p.Durable(start) // what is deleted needs no waiting for; the high watermark is never below the log start
}

// end makes the partition unusable for the reason given and lets go all who wait.
func (p *Partition) end(reason error) {
	p.tail.Lock()
	if p.gone != nil {
		p.tail.Unlock()
		return
	}
	p.gone = reason
	acks, waiters := p.acks, p.waiters
	p.acks, p.waiters = nil, nil
	p.tail.Unlock()
	for _, a := range acks {
		a.done.acknowledge(a.slot, reason)
	}
	for _, w := range waiters {
		w.notify()
	}
}

// failed returns why the partition is unusable, nil when it is not.
func (p *Partition) failed() error {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.gone
}

// subscribe has w notified when the high watermark rises above offset or the partition ends.
func (p *Partition) subscribe(w *waiter, offset int64) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if p.gone != nil || p.hw.Load() > offset {
		w.notify()
		return
	}
	p.waiters = append(p.waiters, w)
}

// unsubscribe undoes subscribe.
func (p *Partition) unsubscribe(w *waiter) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if i := slices.Index(p.waiters, w); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
}

// checkEpoch compares a client's idea of the leader epoch with the partition's (KIP-320); -1 is not checked.
func (p *Partition) checkEpoch(client int32) error {
	switch mine := p.leaderEpoch.Load(); {
	case client < 0 || client == mine:
		return nil
	case client < mine:
		return fault.New(fault.FencedLeaderEpoch, "leader epoch %d of %s-%d is older than %d", client, p.topic, p.index, mine)
	default:
		return fault.New(fault.UnknownLeaderEpoch, "leader epoch %d of %s-%d is newer than %d", client, p.topic, p.index, mine)
	}
}

// lastStable is the end of what read_committed consumers may read.
func (p *Partition) lastStable() int64 { return p.hw.Load() }

// readable returns the end of what a consumer of this isolation may read.
func (p *Partition) readable(readCommitted bool) int64 {
	if readCommitted {
		return p.lastStable()
	}
	return p.hw.Load()
}

// epochEnd returns the largest leader epoch not above epoch, and where it ended.
func (p *Partition) epochEnd(epoch int32) (found int32, end int64) {
	p.order.Lock()
	defer p.order.Unlock()
	return p.epochs().EndOf(epoch, p.log.EndOffset())
}

// epochs returns the history of leader epochs with the present one, of which the log knows nothing before its first
// record. The caller holds order.
func (p *Partition) epochs() *partition.Epochs {
	known, now := p.log.Epochs(), p.leaderEpoch.Load()
	if latest, ok := known.Latest(); ok && latest >= now {
		return known
	}
	all := new(partition.Epochs)
	all.Restore(append(known.Entries(), partition.EpochStart{Epoch: now, Start: p.log.EndOffset()}))
	return all
}

// epochAt returns the leader epoch of the record at offset, -1 when unknown.
func (p *Partition) epochAt(offset int64) int32 {
	p.order.Lock()
	defer p.order.Unlock()
	return p.epochs().At(offset)
}

// producers returns the producers that the partition remembers.
func (p *Partition) producers() []partition.Producer {
	p.order.Lock()
	defer p.order.Unlock()
	return slices.Collect(p.log.Producers().All())
}

// configure takes a topic's configs into use.
func (p *Partition) configure(cfg TopicConfig) {
	p.config.Store(&cfg)
	p.log.Configure(cfg.Log)
}

// fate is an acknowledger whose one acknowledgement can be waited for. It has room for it.
type fate chan error

func (fate) assign(int, placement) {}

func (f fate) acknowledge(_ int, err error) { f <- err }

func (f fate) wait(ctx context.Context) error {
	select {
	case err := <-f:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle returns when everything that was appended before is durable.
func (p *Partition) settle(ctx context.Context) error {
	done := make(fate, 1)
	if err := p.await(ack{end: p.log.EndOffset(), done: done}, placement{}); err != nil {
		return err
	}
	return done.wait(ctx)
}

// expire forgets producers that have been idle for producer.id.expiration.ms.
func (p *Partition) expire(now time.Time) {
	p.order.Lock()
	defer p.order.Unlock()
	p.log.Producers().Expire(now.UnixMilli(), p.config.Load().Log.ProducerIDExpiration.Milliseconds())
}
