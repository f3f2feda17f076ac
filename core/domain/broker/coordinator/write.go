package coordinator

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// batchBytes is the size in bytes after which a new batch is begun. It is well below the usual max.message.bytes.
const batchBytes = 256 << 10

// keptBytes is the largest batch in bytes after which a shard keeps the memory of its batch builder.
const keptBytes = 16 << 10

// pending is a write, a transaction's marker or a barrier in the queue: it waits until the log is durable up to its
// place.
type pending[S State, R Record] struct {
	entry  *Entry[S, R] // of a write; nil otherwise
	write  Write[R]
	marker *marker // nil unless it is one
	offset int64   // of the first record
	waits  []func(context.Context) error
	done   chan<- error // buffered; nil when no request waits
}

// answer sends a result to done, if done is not nil.
func answer(done chan<- error, err error) {
	if done != nil {
		done <- err
	}
}

// Write appends records to the log, in the order of the calls. If the log refuses them, nothing has happened; see
// ResponseError for the error. Otherwise w.Written is called when they are durable, and then done gets nil; or the
// state is abandoned before, and done gets an error. done may be nil, and must be buffered. Without records done gets
// nil at once.
func (e *Entry[S, R]) Write(ctx context.Context, w Write[R], done chan<- error) error {
	if len(w.Records) == 0 {
		answer(done, nil)
		return nil
	}
	s, p := e.shard, &pending[S, R]{entry: e, write: w, done: done}
	err := s.order(ctx, p)
	if err != nil && len(p.waits) == 0 {
		s.runtime.refusals.Warn(ctx, "coordinator record refused by the log",
			"topic", s.runtime.machine.Topic, "partition", s.partition, "key", e.key, "err", err)
		return ResponseError(err)
	}
	if err != nil { // some batches are in the log, so only loading it again tells the state
		p.waits = append(p.waits, func(context.Context) error { return err })
	}
	s.push(p)
	return nil
}

// Barrier returns a channel that gets nil when everything that the shard has written so far is durable, or an error;
// see Await. It is for states that apply their records before these are durable.
func (e *Entry[S, R]) Barrier() <-chan error { return e.shard.barrier() }

// AwaitWrites returns when everything that was written before is durable and applied to the states. Errors:
// fault.NotCoordinator when a partition was given up in the meantime, for example because a write was lost, and
// ctx.Err().
func (r *Runtime[S, R]) AwaitWrites(ctx context.Context) error {
	for _, s := range r.known() {
		s.mu.Lock()
		written := s.barrier()
		s.mu.Unlock()
		select {
		case err := <-written:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// barrier is called under the lock; see Entry.Barrier.
func (s *shard[S, R]) barrier() <-chan error {
	done := make(chan error, 1)
	if len(s.queue) == 0 {
		done <- nil
		return done
	}
	s.push(&pending[S, R]{done: done})
	return done
}

// order appends the write's records to the log, in batches.
func (s *shard[S, R]) order(ctx context.Context, p *pending[S, R]) error {
	options := record.Options{Producer: p.write.Producer, Transactional: p.write.Producer != nil}
	ms, b := s.runtime.deps.Clock.Millis(), &s.builder
	b.Reset(options)
	for i, r := range p.write.Records {
		b.Append(ms, r.Key(), r.Value())
		if i < len(p.write.Records)-1 && b.Size() < batchBytes {
			continue
		}
		batch, err := b.Build()
		if err == nil {
			err = s.start(ctx, p, batch)
		}
		if err != nil {
			return err
		}
		if len(batch) > keptBytes {
			*b = record.Builder{}
		}
		b.Reset(options)
	}
	return nil
}

// start appends a batch to the log. It ignores the end of ctx: a request that ends must not leave a part of its write.
func (s *shard[S, R]) start(ctx context.Context, p *pending[S, R], b record.Batch) error {
	wait, err := s.runtime.deps.Log.Start(context.WithoutCancel(ctx), s.topic, s.partition, s.epoch, b)
	if err != nil {
		return err
	}
	if len(p.waits) == 0 {
		p.offset = b.BaseOffset()
	}
	p.waits = append(p.waits, wait)
	return nil
}

// push queues p, and starts the goroutine that waits for the head of the queue if there is none.
func (s *shard[S, R]) push(p *pending[S, R]) {
	s.queue = append(s.queue, p)
	if !s.draining {
		s.draining = s.runtime.Go(s.drain)
	}
}

// drain waits until the queued writes are durable, one after the other, until the queue is empty.
func (s *shard[S, R]) drain(ctx context.Context) {
	for p := s.head(); p != nil; p = s.head() {
		err := p.wait(ctx)
		if ctx.Err() != nil { // Run ends, and closes the shard
			return
		}
		s.ended(ctx, p, err)
	}
}

// head returns the head of the queue, nil when the queue is empty and drain has to end.
func (s *shard[S, R]) head() *pending[S, R] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.draining = false
		return nil
	}
	return s.queue[0]
}

func (p *pending[S, R]) wait(ctx context.Context) error {
	for _, wait := range p.waits {
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// ended removes p from the queue and handles its result. After an error it is unknown what the log holds, so the shard
// is unloaded and loaded again.
func (s *shard[S, R]) ended(ctx context.Context, p *pending[S, R], err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 || s.queue[0] != p {
		return // the shard was unloaded meanwhile, and perhaps loaded again
	}
	if err == nil {
		s.queue[0] = nil
		s.queue = s.queue[1:]
		s.finish(ctx, p)
		return
	}
	s.runtime.deps.Logger.ErrorContext(ctx, "coordinator record lost, loading the partition again",
		"topic", s.runtime.machine.Topic, "partition", s.partition, "err", err)
	answer(p.done, ResponseError(err))
	p.done = nil // it has its answer
	s.unload()
	topic, epoch := s.topic, s.epoch
	s.runtime.Go(func(ctx context.Context) { s.lead(ctx, topic, epoch) })
}

// finish applies p, which is durable, to the states, and then answers the request that waits for it. The caller holds
// the lock.
func (s *shard[S, R]) finish(ctx context.Context, p *pending[S, R]) {
	switch e := p.entry; {
	case p.marker != nil:
		s.endTxn(p.marker)
	case e != nil:
		if p.write.Producer != nil {
			s.open.add(p.write.Producer.ID, e.key)
		}
		if p.write.Written != nil {
			p.write.Written(ctx, p.offset)
		}
		s.tend(e)
	}
	answer(p.done, nil)
}

// ResponseError maps an error of an append to the error for clients of a coordinator, as Kafka does:
// fault.CoordinatorNotAvailable, NotCoordinator or Unknown. Other errors stay as they are.
func ResponseError(err error) error {
	switch k := fault.KindOf(err); k {
	case fault.UnknownTopicOrPartition, fault.NotEnoughReplicas, fault.NotEnoughReplicasAfterAppend,
		fault.RequestTimedOut:
		return fault.New(fault.CoordinatorNotAvailable, "append the coordinator's record: %v", err)
	case fault.NotLeaderOrFollower, fault.KafkaStorageError:
		return fault.New(fault.NotCoordinator, "append the coordinator's record: %v", err)
	case fault.MessageTooLarge, fault.RecordListTooLarge, fault.InvalidFetchSize:
		return fault.New(fault.Unknown, "append the coordinator's record: %v", err)
	default:
		return err
	}
}
