package replicas

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// fetcher fetches from one leader, one request after another. A request acknowledges the records of the one before, so
// it waits a moment until they are durable.
type fetcher struct {
	of     *Replication
	leader int32
	woken  chan struct{} // something may have changed

	mu        sync.Mutex
	follows   map[*Partition]time.Time // when each may be fetched again; zero for a new one
	interrupt context.CancelFunc       // cancels the request in progress, nil when there is none
}

const (
	// durableWait is how long a request waits until the records of the one before are durable.
	durableWait = 50 * time.Millisecond
	// fetchRetry is the pause of a partition that the leader has refused.
	fetchRetry = 50 * time.Millisecond
	// fetchRestore is the pause of a partition whose records this broker could not store.
	fetchRestore = time.Second
)

func newFetcher(of *Replication, leader int32) *fetcher {
	return &fetcher{of: of, leader: leader, woken: make(chan struct{}, 1), follows: make(map[*Partition]time.Time)}
}

// add makes the fetcher fetch p as well. If p is new, a request in progress is cancelled: it may wait at the leader.
func (f *fetcher) add(p *Partition) {
	f.mu.Lock()
	if _, known := f.follows[p]; !known && f.interrupt != nil {
		f.interrupt()
	}
	f.follows[p] = time.Time{}
	f.mu.Unlock()
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// remove stops fetching p and cancels a request in progress: its answer, or what the leader concludes from the request,
// could otherwise be applied to another log of the same partition.
func (f *fetcher) remove(p *Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.follows[p]; !known {
		return
	}
	delete(f.follows, p)
	if f.interrupt != nil {
		f.interrupt()
	}
}

// run fetches until ctx ends.
func (f *fetcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		round := f.next(ctx)
		if len(round.asked) == 0 {
			continue
		}
		if err := f.fetch(ctx, round); err != nil && ctx.Err() == nil {
			f.of.log.DebugContext(ctx, "fetch from leader failed", "leader", f.leader, "err", err)
			f.delay(round, fetchRetry)
		}
	}
}

// replicaRound is one request, with what it asks by partition.
type replicaRound struct {
	req   ports.ReplicaFetch
	asked map[replicaName]askedReplica
}

type replicaName struct {
	topic     metadata.TopicID
	partition int32
}

type askedReplica struct {
	partition *Partition
	fetch     partition.FollowerFetch
}

// next waits for the next request and returns it. It waits at most durableWait for replicas that are not ready yet. It
// returns an empty round when ctx ends.
func (f *fetcher) next(ctx context.Context) replicaRound {
	deadline := time.NewTimer(durableWait)
	defer deadline.Stop()
	for {
		round, unready, wait := f.gather(f.of.partitions.clock())
		if len(round.asked) > 0 && unready == 0 {
			round.req.MaxWait = min(round.req.MaxWait, wait)
			return round
		}
		retry := time.NewTimer(wait)
		var late <-chan time.Time
		if unready > 0 {
			late = deadline.C
		}
		select {
		case <-f.woken:
		case <-retry.C:
		case <-late:
			if len(round.asked) > 0 {
				round.req.MaxWait = 0 // the others will be ready soon
				retry.Stop()
				return round
			}
			deadline.Reset(durableWait)
		case <-ctx.Done():
			retry.Stop()
			return replicaRound{}
		}
		retry.Stop()
	}
}

// gather collects the fetches of the replicas. unready counts those that will have one soon; wait is the time until one
// that was postponed may be fetched again.
func (f *fetcher) gather(now time.Time) (round replicaRound, unready int, wait time.Duration) {
	configs, epoch := f.of.configs, f.of.partitions.epoch
	round = replicaRound{asked: make(map[replicaName]askedReplica), req: ports.ReplicaFetch{
		BrokerEpoch: epoch,
		MaxWait:     brokerconfigs.Millis(configs.Int("replica.fetch.wait.max.ms")),
		MinBytes:    int32(configs.Int("replica.fetch.min.bytes")),
		MaxBytes:    int32(configs.Int("replica.fetch.response.max.bytes")),
	}}
	wait, mostBytes := time.Hour, int32(configs.Int("replica.fetch.max.bytes"))
	f.mu.Lock()
	defer f.mu.Unlock()
	for p, from := range f.follows {
		if leader, ok := p.follows(); !ok || leader != f.leader {
			delete(f.follows, p)
			continue
		}
		if left := from.Sub(now); left > 0 {
			wait = min(wait, left)
			continue
		}
		if left := p.fetchWait(f.of.throttle); left > 0 {
			f.follows[p] = now.Add(left)
			wait = min(wait, left)
			continue
		}
		if p.cutting.Load() { // this may take long; p is added again afterwards
			delete(f.follows, p)
			continue
		}
		ask, ok := p.nextFetch()
		if !ok {
			unready++
			continue
		}
		maxBytes := mostBytes
		if p.crowded.Load() {
			maxBytes = 1 // one batch is returned: it shows that the leader has more, and may fit by now
		}
		round.asked[replicaName{p.id, p.index}] = askedReplica{p, ask}
		round.req.Partitions = append(round.req.Partitions, ports.ReplicaFetchPartition{
			TopicID: p.id, Partition: p.index, Offset: ask.Offset, LogStart: ask.Start, LeaderEpoch: ask.LeaderEpoch,
			LastEpoch: ask.LastEpoch, MaxBytes: maxBytes,
		})
	}
	return round, unready, wait
}

// fetch sends a request and applies the answers.
func (f *fetcher) fetch(ctx context.Context, round replicaRound) error {
	timeout := brokerconfigs.Millis(f.of.configs.Int("replica.socket.timeout.ms"))
	asking, cancel := context.WithTimeout(ctx, round.req.MaxWait+timeout)
	defer cancel()
	f.mu.Lock()
	for p, from := range f.follows {
		if asked := round.asked[replicaName{p.id, p.index}]; asked.partition == nil && from.IsZero() {
			round.req.MaxWait = min(round.req.MaxWait, durableWait) // added after the round was gathered
		}
	}
	for at, asked := range round.asked {
		if _, known := f.follows[asked.partition]; !known { // removed after the round was gathered
			delete(round.asked, at)
			cancel()
		}
	}
	f.interrupt = cancel
	f.mu.Unlock()
	// Without the lock: add and remove must be able to interrupt it.
	answers, err := f.of.peers.Fetch(asking, f.leader, round.req)
	f.mu.Lock()
	f.interrupt = nil
	f.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
		return nil // add or remove has interrupted it
	case err != nil:
		return err
	}
	for _, got := range answers {
		asked, ok := round.asked[replicaName{got.TopicID, got.Partition}]
		if ok {
			f.take(ctx, asked, got)
		}
	}
	return nil
}

// take applies the leader's answer for one partition.
func (f *fetcher) take(ctx context.Context, asked askedReplica, got ports.ReplicaFetched) {
	p := asked.partition
	if p.config.Load().FollowerThrottle.Replicas.Has(p.index) {
		// Whether in sync or not, as in Kafka: the rate is that of everything that throttled replicas fetch.
		f.of.throttle.count(len(got.Records))
	}
	outOfRange := errors.Is(got.Err, fault.OffsetOutOfRange)
	if got.Err != nil && !outOfRange {
		f.unmoved(asked)
		return
	}
	fx, err := p.fetchAnswered(partition.FetchAnswer{
		To: asked.fetch, OutOfRange: outOfRange, LogStart: got.LogStart, HighWatermark: got.HighWatermark,
		Diverging: got.Diverging, DivergingEpoch: got.DivergingEpoch, DivergingEnd: got.DivergingEnd,
	}, got.Records)
	switch {
	case err != nil && p.crowded.Load(): // Space has logged that the disk is full
		f.postpone(p, fetchRestore)
	case err != nil:
		f.failed(ctx, p, err)
	case fx.Truncate, fx.Reset, fx.Begin:
		f.of.beside(ctx, func() { f.cut(ctx, asked, fx, got.Records) })
	case outOfRange, got.Diverging:
		f.unmoved(asked)
	case fx.RaiseStart > 0 && !p.raising.CompareAndSwap(false, true):
		f.postpone(p, fetchRetry) // the leader answers at once until a fetch carries the new log start offset
	case fx.RaiseStart > 0:
		f.of.beside(ctx, func() { f.raise(ctx, p, fx.RaiseStart) })
	}
}

// raise raises the log start offset to the leader's.
func (f *fetcher) raise(ctx context.Context, p *Partition, start int64) {
	defer p.raising.Store(false)
	if err := p.log.AdvanceStart(ctx, start); err != nil {
		f.failed(ctx, p, err)
	}
}

// cut truncates or resets a partition's log, as fx says. The fetcher goes on without the partition meanwhile.
func (f *fetcher) cut(ctx context.Context, asked askedReplica, fx partition.Effects, records []byte) {
	if err := asked.partition.cut(ctx, fx, records); err != nil {
		f.failed(ctx, asked.partition, err)
		return
	}
	f.unmoved(asked)
}

// failed logs that the leader's answer could not be applied, and postpones the next fetch.
func (f *fetcher) failed(ctx context.Context, p *Partition, err error) {
	if ctx.Err() != nil {
		return
	}
	f.of.noise.Error(ctx, "cannot replicate", "topic", p.topic, "partition", p.index, "leader", f.leader, "err", err)
	f.postpone(p, fetchRestore)
}

// unmoved postpones the next fetch if it would be the same as the one that the leader has just refused.
func (f *fetcher) unmoved(asked askedReplica) {
	if now, ok := asked.partition.nextFetch(); ok && now == asked.fetch {
		f.postpone(asked.partition, fetchRetry)
	}
}

// postpone sets the time until p is fetched again.
func (f *fetcher) postpone(p *Partition, while time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.follows[p]; known {
		f.follows[p] = f.of.partitions.clock().Add(while)
	}
}

// delay postpones all partitions of a round.
func (f *fetcher) delay(round replicaRound, while time.Duration) {
	for _, asked := range round.asked {
		f.postpone(asked.partition, while)
	}
}
