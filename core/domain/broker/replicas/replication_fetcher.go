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

// fetcher fetches what this broker follows one leader for, one request after another. A request acknowledges what the one before has
// brought, so it waits a moment for that to be durable.
type fetcher struct {
	of     *Replication
	leader int32
	woken  chan struct{} // something may have changed

	mu        sync.Mutex
	follows   map[*Partition]time.Time // and when they may be asked for again
	interrupt context.CancelFunc       // ends the request under way, nil when there is none
}

const (
	// settling is how long a request waits for what was fetched before to become durable.
	settling = 50 * time.Millisecond
	// fetchRetry is how long a partition waits that the leader has refused, fetchRestore one that this broker could not take in.
	fetchRetry   = 50 * time.Millisecond
	fetchRestore = time.Second
)

func newFetcher(of *Replication, leader int32) *fetcher {
	return &fetcher{of: of, leader: leader, woken: make(chan struct{}, 1), follows: make(map[*Partition]time.Time)}
}

// add has the fetcher fetch for p, too, and look again. A request that waits at the leader without p is given up.
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

// remove gives up fetching for p, and a request that is under way: its answer, or the leader's view of it, could be taken for one about
// another log of the same partition.
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

// replicaRound is one request: what was asked, by partition.
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

// next returns the next request, when there is one, or nothing after something has changed. It waits a little for replicas that are
// not ready yet.
func (f *fetcher) next(ctx context.Context) replicaRound {
	deadline := time.NewTimer(settling)
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
				round.req.MaxWait = 0 // the rest will be ready soon
				retry.Stop()
				return round
			}
			deadline.Reset(settling)
		case <-ctx.Done():
			retry.Stop()
			return replicaRound{}
		}
		retry.Stop()
	}
}

// gather asks the replicas what they want. unready counts those that will want something soon; wait is how long it takes until one
// may be asked for again.
func (f *fetcher) gather(now time.Time) (round replicaRound, unready int, wait time.Duration) {
	configs, epoch := f.of.configs, f.of.partitions.epoch
	round = replicaRound{asked: make(map[replicaName]askedReplica), req: ports.ReplicaFetch{
		BrokerEpoch: epoch, MaxWait: brokerconfigs.Millis(configs.Int("replica.fetch.wait.max.ms")), MinBytes: int32(configs.Int("replica.fetch.min.bytes")),
		MaxBytes: int32(configs.Int("replica.fetch.response.max.bytes")),
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
		if p.cutting.Load() { // which may take long, and adds it again when it is done
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
			maxBytes = 1 // one batch comes, which says that the leader has more, and may fit by now
		}
		round.asked[replicaName{p.id, p.index}] = askedReplica{p, ask}
		round.req.Partitions = append(round.req.Partitions, ports.ReplicaFetchPartition{
			TopicID: p.id, Partition: p.index, Offset: ask.Offset, LogStart: ask.Start, LeaderEpoch: ask.LeaderEpoch,
			LastEpoch: ask.LastEpoch, MaxBytes: maxBytes,
		})
	}
	return round, unready, wait
}

// fetch sends a request and takes the answers in.
func (f *fetcher) fetch(ctx context.Context, round replicaRound) error {
	asking, cancel := context.WithTimeout(ctx, round.req.MaxWait+brokerconfigs.Millis(f.of.configs.Int("replica.socket.timeout.ms")))
	defer cancel()
	f.mu.Lock()
	for p, from := range f.follows {
		if asked := round.asked[replicaName{p.id, p.index}]; asked.partition == nil && from.IsZero() {
			round.req.MaxWait = min(round.req.MaxWait, settling) // it has come in between
		}
	}
	for at, asked := range round.asked {
		if _, known := f.follows[asked.partition]; !known { // it has left in between
			delete(round.asked, at)
			cancel()
		}
	}
	f.interrupt = cancel
	f.mu.Unlock()
	answers, err := f.of.peers.Fetch(asking, f.leader, round.req)
	f.mu.Lock()
	f.interrupt = nil
	f.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled):
		return nil // for the sake of a partition that was not asked for
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

// take takes in what the leader has answered for one partition.
func (f *fetcher) take(ctx context.Context, asked askedReplica, got ports.ReplicaFetched) {
	p := asked.partition
	if p.config.Load().FollowerThrottle.Replicas.Has(p.index) {
		f.of.throttle.count(len(got.Records)) // in sync or not, as in Kafka: the rate is that of all that the throttled replicas fetch
	}
	outOfRange := errors.Is(got.Err, fault.OffsetOutOfRange)
	if got.Err != nil && !outOfRange {
		f.unmoved(asked)
		return
	}
	fx, err := p.takeIn(partition.FetchAnswer{
		To: asked.fetch, OutOfRange: outOfRange, LogStart: got.LogStart, HighWatermark: got.HighWatermark,
		Diverging: got.Diverging, DivergingEpoch: got.DivergingEpoch, DivergingEnd: got.DivergingEnd,
	}, got.Records)
	switch {
	case err != nil && p.crowded.Load(): // the log tells it of the disk
		f.postpone(p, fetchRestore)
	case err != nil:
		f.failed(ctx, p, err)
	case fx.Truncate, fx.Reset, fx.Begin:
		f.of.beside(ctx, func() { f.cut(ctx, asked, fx, got.Records) })
	case outOfRange, got.Diverging:
		f.unmoved(asked)
	case fx.RaiseStart > 0 && !p.raising.CompareAndSwap(false, true):
		f.postpone(p, fetchRetry) // the leader answers at once until it hears of the new start
	case fx.RaiseStart > 0:
		f.of.beside(ctx, func() { f.raise(ctx, p, fx.RaiseStart) })
	}
}

// raise deletes what the leader has deleted.
func (f *fetcher) raise(ctx context.Context, p *Partition, start int64) {
	defer p.raising.Store(false)
	if err := p.log.AdvanceStart(ctx, start); err != nil {
		f.failed(ctx, p, err)
	}
}

// cut cuts a partition's log as the leader's answer asks. The fetcher goes on without the partition meanwhile.
func (f *fetcher) cut(ctx context.Context, asked askedReplica, fx partition.Effects, records []byte) {
	if err := asked.partition.cut(ctx, fx, records); err != nil {
		f.failed(ctx, asked.partition, err)
		return
	}
	f.unmoved(asked)
}

// failed has the leader asked again after a while for a partition that could not be taken in.
func (f *fetcher) failed(ctx context.Context, p *Partition, err error) {
	if ctx.Err() != nil {
		return
	}
	f.of.noise.Error(ctx, "cannot replicate", "topic", p.topic, "partition", p.index, "leader", f.leader, "err", err)
	f.postpone(p, fetchRestore)
}

// unmoved has the leader not asked at once for what it has refused just now, unless there is something else to ask.
func (f *fetcher) unmoved(asked askedReplica) {
	if now, ok := asked.partition.nextFetch(); ok && now == asked.fetch {
		f.postpone(asked.partition, fetchRetry)
	}
}

// postpone asks for p again after a while only.
func (f *fetcher) postpone(p *Partition, while time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.follows[p]; known {
		f.follows[p] = f.of.partitions.clock().Add(while)
	}
}

// delay postpones all that was asked for.
func (f *fetcher) delay(round replicaRound, while time.Duration) {
	for _, asked := range round.asked {
		f.postpone(asked.partition, while)
	}
}
