package coordinator

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// batchBytes is about how large a batch gets before another is begun: well below what a topic's max.message.bytes
// usually allows.
const batchBytes = 256 << 10

// keptBytes is about how much memory a shard keeps for building batches.
const keptBytes = 16 << 10

// pending is a write, a transaction's marker or a barrier that waits for its place in the log to become durable.
type pending[S State, R Record] struct {
	entry  *Entry[S, R] // of a write; nil otherwise
	write  Write[R]
	marker *marker // nil unless it is one
	offset int64   // of the first record
	waits  []func(context.Context) error
	done   chan<- error // has room for the one answer; nil when nobody waits
}

// answer tells a write's fate, unless nobody waits for it.
func answer(done chan<- error, err error) {
	if done != nil {
		done <- err
	}
}

// Write orders records in the log, in the order of the calls. If the log refuses them, nothing has happened: see
// ResponseError for the error. Otherwise w.Written is called when they are durable, and then done, unless nil, gets
// nil; or the state is abandoned first, and done gets an error. done must have room. Without records done gets nil at
// once.
func (e *Entry[S, R]) Write(ctx context.Context, w Write[R], done chan<- error) error {
	if len(w.Records) == 0 {
		answer(done, nil)
		return nil
	}
	s, p := e.shard, &pending[S, R]{entry: e, write: w, done: done}
	err := s.order(ctx, p)
	if err != nil && len(p.waits) == 0 {
		s.runtime.refusals.Warn(ctx, "record was refused by the log",
			"topic", s.runtime.machine.Topic, "partition", s.partition, "key", e.key, "err", err)
		return ResponseError(err)
	}
	if err != nil { // a part of it is in the log, and only the log can tell what remains
		p.waits = append(p.waits, func(context.Context) error { return err })
	}
	s.push(p)
	return nil
}

// Barrier returns a channel that gets nil when all that the shard has written so far is durable, or why it is not;
// see Await. It is for states that show what is not durable yet.
func (e *Entry[S, R]) Barrier() <-chan error { return e.shard.barrier() }

// AwaitWrites returns when all that was written before is durable and the states know it. Errors: fault.NotCoordinator
// when a partition was given up meanwhile, because a write was lost for instance, and ctx.Err().
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

// order has the log order the write's records, as batches.
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

// start orders a batch behind the end of the log. What a request has begun is not undone by the request's end.
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

// push puts p into the queue and sees to it that somebody waits for the head of the queue.
func (s *shard[S, R]) push(p *pending[S, R]) {
	s.queue = append(s.queue, p)
	if !s.draining {
		s.draining = s.runtime.Go(s.drain)
	}
}

// drain waits for what is in the queue to become durable, in the order of the log, until the queue is empty.
func (s *shard[S, R]) drain(ctx context.Context) {
	for p := s.head(); p != nil; p = s.head() {
		err := p.wait(ctx)
		if ctx.Err() != nil { // Run ends, and closes the shard
			return
		}
		s.ended(ctx, p, err)
	}
}

// head returns the head of the queue; nil, and drain is to end, when it is empty.
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

// ended takes p, whose waiting has ended, out of the queue and does what follows. When it is lost, nobody knows what
// the log holds: the shard is given up and loaded again.
func (s *shard[S, R]) ended(ctx context.Context, p *pending[S, R], err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 || s.queue[0] != p {
		return // the shard was given up meanwhile, and perhaps loaded again
	}
	s.queue[0] = nil
	s.queue = s.queue[1:]
	if err == nil {
		s.finish(ctx, p)
		return
	}
	s.runtime.deps.Logger.ErrorContext(ctx, "record was lost, the coordinator's partition is loaded again",
		"topic", s.runtime.machine.Topic, "partition", s.partition, "err", err)
	answer(p.done, ResponseError(err))
	s.giveUp()
	s.runtime.Go(func(ctx context.Context) { _ = s.load(ctx) }) // the next request learns of an error
}

// finish tells the states that p is durable, and then whoever waits for it. It is called under the lock.
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

// ResponseError turns the failure of an append into what clients of a coordinator are told, as Kafka does: that it is
// not available, is another broker, or that something unexpected happened. Other errors stay as they are.
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
