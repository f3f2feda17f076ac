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

// Partition is one partition of which this broker has a replica. Two locks, always taken in this order:
// order puts appends in sequence, tail guards the replica and the queues of those who wait for it. An append holds
// order throughout and tail once, in reserve. Neither is held while a disk or a client is waited for: while the log is
// cut, cutting keeps others away from what order guards.
type Partition struct {
	topic string
	id    metadata.TopicID
	index int32
	clock ports.Clock
	lease *Lease // and the time that the replica counts in
	queue replicaQueue
	space *Space

	missing atomic.Pointer[refused] // what batches that leave a gap are refused with

	crowded atomic.Bool  // the last append was refused for want of space
	yielded atomic.Int64 // when this replica last gave up its lead for that, in the time that the replica counts in; 0 for never

	config  atomic.Pointer[brokerconfigs.TopicConfig]
	version atomic.Int32 // of the newest view of the metadata that was installed, -1 before the first

	order   sync.Mutex
	log     ports.Log
	state   partition.State // what the log's records have brought about; only the log changes it while that is being cut
	cutting atomic.Bool     // the log is being cut; set and cleared under order
	cutWait atomic.Int64    // when the leader may be asked again after the log could not be cut, in the time that the replica counts in
	raising atomic.Bool     // the log start offset is being raised to the leader's

	refusal refusal // of what was proposed last; Replication's

	tail      sync.Mutex
	replica   *partition.Replica
	local     ackQueue       // appends that wait to be durable here
	acks      ackQueue       // appends that wait to be durable on every in-sync replica
	held      ackQueue       // appends that have failed, and whose bytes the log still needs
	waiters   []*waiter      // fetches that wait for more to read
	newest    partition.View // the newest that was installed
	deletions deletions      // of records, that wait for followers
	grown     int64          // the durable end after the last step, of which waiting followers were told
	epoch     int32          // the leader epoch after the last step
	gone      error          // why nothing can be appended or waited for any more
	broken    bool           // that is because the log has failed
}

// replicaQueue takes note of what a replica wants done where a disk or other brokers are waited for. Its methods return at once.
type replicaQueue interface {
	// propose says that the ISR of p should change.
	propose(p *Partition)
	// fetch says that p, a follower, may have something new to ask its leader for.
	fetch(p *Partition)
	// left says that p is no replica any more: no fetch for it may be under way.
	left(p *Partition)
}

// Durable tells the replica what is durable on this broker's disk.
func (p *Partition) Durable(end int64) {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects { return r.Durable(end, now) })
}

// Offline fails everything that waits: the log accepts nothing any more. If this broker leads, another has to.
func (p *Partition) Offline(err error) {
	p.tail.Lock()
	p.broken = p.gone == nil && p.replica != nil
	p.tail.Unlock()
	p.end(fault.New(fault.KafkaStorageError, "log of %s-%d is offline: %w", p.topic, p.index, err))
	p.queue.propose(p)
}

// Released answers the appends that have failed and whose bytes the log has needed until now.
func (p *Partition) Released() { p.letGo() }

// Start is told that records were deleted. Followers are told at once, consumers learn of it at their next fetch.
func (p *Partition) Start(start int64) {
	p.step(func(r *partition.Replica, now time.Duration) partition.Effects {
		p.grown = -1 // as if the log had grown
		return r.Started(start, now)
	})
}

// now is the time that the replica counts in.
func (p *Partition) now() time.Duration { return p.lease.Now() }

// step has the replica take a step, answers those who have waited for it, and queues what is to be done besides. What only
// a follower has to do, with its log, is in the effects that it returns.
func (p *Partition) step(do func(r *partition.Replica, now time.Duration) partition.Effects) partition.Effects {
	p.tail.Lock()
	if p.gone != nil || p.replica == nil { // what happens before there is a replica it learns from the log's state
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

// end makes the partition unusable for the reason given and answers all who wait: appends when the log does not need their
// bytes any more.
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

// leaderHint names the leader that this broker knows (KIP-951).
func (p *Partition) leaderHint() *LeaderHint {
	v := p.view(partition.NoEpoch)
	return v.leaderHint()
}

// epochAt returns the leader epoch of the record at offset, -1 when unknown.
func (p *Partition) epochAt(offset int64) int32 {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.replica.EpochAt(offset)
}

// producers returns the producers that the partition remembers, by their ids. The error is fault.NotLeaderOrFollower while its log is being cut.
func (p *Partition) producers() ([]partition.Producer, error) {
	p.order.Lock()
	defer p.order.Unlock()
	if p.cutting.Load() {
		return nil, fault.NotLeaderOrFollower
	}
	byID := func(a, b partition.Producer) int { return cmp.Compare(a.ID, b.ID) }
	return slices.SortedFunc(p.state.Producers.All(), byID), nil
}

// configure takes configs into use, which the topic's partitions share.
func (p *Partition) configure(cfg *brokerconfigs.TopicConfig, settings partition.ReplicaSettings) {
	old := p.config.Swap(cfg)
	p.log.Configure(&cfg.Log)
	p.tail.Lock()
	p.replica.Configure(settings)
	p.tail.Unlock()
	if old.FollowerThrottle != cfg.FollowerThrottle {
		p.queue.fetch(p) // it may wait for no reason now
	}
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

// awaitCommitted returns when everything that was appended before is durable on every in-sync replica, however few these
// are. Errors: fault.NotLeaderOrFollower, KafkaStorageError, ctx's.
func (p *Partition) awaitCommitted(ctx context.Context) error {
	end := p.log.EndOffset()
	for w := newWaiter(noFollower, false); ; {
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
		return // the next time will do
	}
	p.state.Producers.Expire(now.UnixMilli(), p.config.Load().Log.ProducerIDExpiration.Milliseconds())
}

// forgetProducers gives the memory of the producers back when the log is gone.
func (p *Partition) forgetProducers() {
	p.order.Lock()
	defer p.order.Unlock()
	p.state.Clear()
}
