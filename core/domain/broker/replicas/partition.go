package replicas

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// Partition is one partition of which this broker has a replica. It has two locks, always taken in this order: order
// puts appends in sequence, tail guards the replica and the queues of requests that wait for it. An append holds order
// throughout and tail once, in reserve. Neither is held while waiting for a disk or a client: while the log is
// truncated or reset, the flag cutting protects what order guards.
type Partition struct {
	topic string
	id    metadata.TopicID
	index int32
	clock ports.Clock
	lease *Lease // also the clock of the replica
	queue replicaQueue
	space *Space

	missing atomic.Pointer[refused] // the last refusal, with which batches that follow the refused one are refused

	crowded atomic.Bool  // the last append was refused because there was no disk space
	yielded atomic.Int64 // when this replica last gave up its leadership for that, in replica time; 0: never

	config  atomic.Pointer[brokerconfigs.TopicConfig]
	version atomic.Int32 // of the newest view of the metadata that was installed, -1 before the first

	order   sync.Mutex
	log     ports.Log
	state   partition.State // follows from the log's records; while cutting, only the log changes it
	cutting atomic.Bool     // the log is being truncated or reset; set and cleared under order
	cutWait atomic.Int64    // when the leader may be asked again after that has failed, in replica time
	raising atomic.Bool     // the log start offset is being raised to the leader's

	refusal refusal // of the last proposal; belongs to Replication

	tail      sync.Mutex
	replica   *partition.Replica
	local     ackQueue       // appends that wait to be durable on this broker
	acks      ackQueue       // appends that wait to be durable on every in-sync replica
	held      ackQueue       // appends that have failed, and whose bytes the log still needs
	waiters   []*waiter      // fetches that wait for more to read
	newest    partition.View // the newest that was installed
	deletions deletions      // of records, that wait for followers
	grown     int64          // the durable end after the last step, which waiting followers have been sent
	epoch     int32          // the leader epoch after the last step
	gone      error          // why the partition has ended, nil while it has not
	broken    bool           // it has ended because its log has failed
}

// replicaQueue takes work of a replica that waits for a disk or for other brokers. Its methods return at once.
type replicaQueue interface {
	// propose says that the ISR of p should change.
	propose(p *Partition)
	// fetch says that p, a follower, may have something new to ask its leader for.
	fetch(p *Partition)
	// left says that p is not a replica any more. When left returns, no fetch for p is in progress.
	left(p *Partition)
}

// Durable reports that the log is durable up to end. It implements ports.LogEvents.
func (p *Partition) Durable(end int64) {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects { return r.Durable(end, now) })
}

// Offline ends the partition because its log has failed, and fails the requests that wait for it. If this broker leads,
// it resigns.
func (p *Partition) Offline(err error) {
	p.tail.Lock()
	p.broken = p.gone == nil && p.replica != nil
	p.tail.Unlock()
	p.end(fault.New(fault.KafkaStorageError, "log of %s-%d is offline: %w", p.topic, p.index, err))
	p.queue.propose(p)
}

// Released reports that the log does not need the bytes of failed appends any more, and answers these.
func (p *Partition) Released() { p.releaseHeld() }

// Start reports that the log start offset has risen. Waiting followers are answered at once, consumers get it with
// their next fetch.
func (p *Partition) Start(start int64) {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		p.grown = -1 // as if the log had grown
		return r.Started(start, now)
	})
}

// now is the current time of the replica.
func (p *Partition) now() time.Duration { return p.lease.Now() }

// step performs one step of the replica, answers the requests that it completes, and queues proposals and fetches that
// it asks for. Effects on a follower's log are left to the caller.
func (p *Partition) step(do func(r *partition.Replica, now time.Duration) partition.Effects) partition.Effects {
	p.tail.Lock()
	if p.gone != nil || p.replica == nil { // a new replica starts from the log's state, so it misses no event
		r := release{held: p.written()}
		p.tail.Unlock()
		r.tell()
		return partition.Effects{}
	}
	fx := do(p.replica, p.now())
	r := p.released(fx)
	p.tail.Unlock()
	r.tell()
	if fx.Propose {
		p.queue.propose(p)
	}
	if fx.Fetch {
		p.queue.fetch(p)
	}
	return fx
}

// end makes the partition unusable for the given reason and answers the requests that wait: appends as soon as the log
// does not need their bytes any more.
func (p *Partition) end(reason error) {
	p.tail.Lock()
	if p.gone != nil {
		p.tail.Unlock()
		return
	}
	p.gone = reason
	p.hold(reason)
	r := release{held: p.written(), waiters: p.waiters}
	p.waiters = nil
	p.deletions.moved()
	p.tail.Unlock()
	r.tell()
}

// failed returns why the partition is unusable, nil when it is not.
func (p *Partition) failed() error {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.gone
}

// inNeed reports whether the partition's log has failed, and whether this broker leads it and has to refuse appends
// with acks=all because there are too few replicas in sync.
func (p *Partition) inNeed() (offline, underMinISR bool) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if p.gone != nil || p.replica == nil {
		return p.broken, false
	}
	return false, errors.Is(p.replica.Admit(allInSync, p.now()), fault.NotEnoughReplicas)
}

// leaderHint names the leader that this broker knows (KIP-951).
func (p *Partition) leaderHint() *LeaderHint {
	v := p.view(partition.NoEpoch)
	return v.leaderHint()
}

// epochAt returns the leader epoch of the record at offset, -1 if unknown.
func (p *Partition) epochAt(offset int64) int32 {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.replica.EpochAt(offset)
}

// producers returns the producers that the partition remembers, in the order of their ids. The error is
// fault.NotLeaderOrFollower while the log is being truncated or reset.
func (p *Partition) producers() ([]partition.Producer, error) {
	p.order.Lock()
	defer p.order.Unlock()
	if p.cutting.Load() {
		return nil, fault.NotLeaderOrFollower
	}
	byID := func(a, b partition.Producer) int { return cmp.Compare(a.ID, b.ID) }
	return slices.SortedFunc(p.state.Producers.All(), byID), nil
}

// configure applies configs, which the topic's partitions share.
func (p *Partition) configure(cfg *brokerconfigs.TopicConfig, settings partition.ReplicaSettings) {
	old := p.config.Swap(cfg)
	p.log.Configure(&cfg.Log)
	p.tail.Lock()
	p.replica.Configure(settings)
	p.tail.Unlock()
	if old.FollowerThrottle != cfg.FollowerThrottle {
		p.queue.fetch(p) // it may wait for a throttle that has ended
	}
}

// result is an acknowledger for a single append, whose result can be waited for. It must have a buffer of one.
type result chan error

func (result) assign(int, placement) {}

func (r result) acknowledge(_ int, err error) { r <- err }

func (r result) wait(ctx context.Context) error {
	select {
	case err := <-r:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitCommitted returns when everything that was appended before the call is durable on every in-sync replica, even if
// there are fewer than min.insync.replicas. Errors: fault.NotLeaderOrFollower, KafkaStorageError, ctx's.
func (p *Partition) awaitCommitted(ctx context.Context) error {
	end := p.log.EndOffset()
	for w := newWaiter(noFollower, false); ; {
		// OffsetNotAvailable is no failure: a new leader learns its high watermark soon, and wakes w then.
		v := p.view(partition.NoEpoch)
		switch upTo, err := v.readable(false); {
		case err != nil && !errors.Is(err, fault.OffsetNotAvailable):
			return err
		case err == nil && upTo >= end:
			return nil
		}
		p.subscribe(w, end-1)
		select {
		case <-w.wake:
		case <-ctx.Done():
			p.unsubscribe(w)
			return ctx.Err()
		}
	}
}

// expire forgets producers that have been idle for producer.id.expiration.ms.
func (p *Partition) expire(now time.Time) {
	p.order.Lock()
	defer p.order.Unlock()
	if p.cutting.Load() {
		return // the next run of the Cleaner does it
	}
	p.state.Producers.Expire(now.UnixMilli(), p.config.Load().Log.ProducerIDExpiration.Milliseconds())
}

// forgetProducers releases the memory of the producers after the log was deleted.
func (p *Partition) forgetProducers() {
	p.order.Lock()
	defer p.order.Unlock()
	p.state.Clear()
}
