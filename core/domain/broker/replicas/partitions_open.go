package replicas

import (
	"context"
	"errors"
	"iter"
	"maps"
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

// A log that could not be opened is tried again after reopenFirst, and after each further attempt after twice as long,
// at most reopenAfter. In between, requests get the last error at once instead of another scan of a damaged log.
const (
	reopenFirst = time.Second
	reopenAfter = 10 * time.Second
)

// topicPartitions are the partitions of one topic that have been used.
type topicPartitions struct {
	id   metadata.TopicID
	name string
	// a deleted topic of the same name, whose logs may still exist; guarded by Partitions.mu
	before *topicPartitions
	places atomic.Pointer[[]*place] // by partition index; may be shorter than the topic

	mu     sync.Mutex                 // guards gone and config, the growth of places and changes of open partitions
	gone   error                      // why no partition is opened any more, nil while they are
	config *brokerconfigs.TopicConfig // shared by the open partitions
}

// share returns the config that the open partitions have if it equals cfg, else it shares cfg from now on. The caller
// holds mu.
func (tp *topicPartitions) share(cfg brokerconfigs.TopicConfig) *brokerconfigs.TopicConfig {
	if tp.config == nil || *tp.config != cfg {
		tp.config = &cfg
	}
	return tp.config
}

// place holds a partition once it is open. Reading it takes no lock.
type place struct {
	partition atomic.Pointer[Partition] // nil: not open

	mu       sync.Mutex     // held while this partition's log is opened or deleted
	failed   *failedOpening // nil unless the last attempt to open the log has failed
	leftover bool           // the log has to be deleted
}

// failedOpening describes the failed attempts to open a log.
type failedOpening struct {
	err   error
	pause time.Duration // after the last attempt
	again time.Time     // of the next attempt
	stub  *Partition    // stands for the partition when it resigns
}

// at returns the partition's place, nil when it was never used.
func (tp *topicPartitions) at(index int32) *place {
	if places := tp.places.Load(); places != nil && int(index) < len(*places) {
		return (*places)[index]
	}
	return nil
}

// take returns the partition's place. It creates missing places, for all partitions of the topic at once. The error
// says why the topic's partitions are not opened any more.
func (tp *topicPartitions) take(index int32, partitions int) (*place, error) {
	if at := tp.at(index); at != nil {
		return at, nil
	}
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if tp.gone != nil {
		return nil, tp.gone
	}
	var grown []*place
	if old := tp.places.Load(); old != nil {
		grown = slices.Clone(*old)
	}
	added := make([]place, max(0, partitions-len(grown))) // one allocation for all partitions of the topic
	for i := range added {
		grown = append(grown, &added[i])
	}
	tp.places.Store(&grown)
	return grown[index], nil
}

// open yields the open partitions.
func (tp *topicPartitions) open() iter.Seq[*Partition] {
	return func(yield func(*Partition) bool) {
		places := tp.places.Load()
		if places == nil {
			return
		}
		for _, at := range *places {
			if p := at.partition.Load(); p != nil && !yield(p) {
				return
			}
		}
	}
}

// end ends all partitions for the given reason and returns those that were open. None is opened from then on.
func (tp *topicPartitions) end(reason error) (ended []*Partition) {
	tp.mu.Lock()
	tp.gone = reason
	places := tp.places.Load()
	tp.mu.Unlock()
	if places == nil {
		return nil
	}
	for _, at := range *places {
		at.mu.Lock() // waits for one that is being opened
		p := at.partition.Swap(nil)
		at.mu.Unlock()
		if p != nil {
			p.end(reason)
			ended = append(ended, p)
		}
	}
	return ended
}

// retire ends the open partitions for the given reason without waiting. None is opened from then on, and publish ends
// one that is being opened.
func (tp *topicPartitions) retire(reason error) {
	tp.mu.Lock()
	if tp.gone == nil {
		tp.gone = reason
	}
	tp.mu.Unlock()
	for p := range tp.open() {
		p.end(reason)
	}
}

// all returns the places that exist, by partition index.
func (tp *topicPartitions) all() []*place {
	if places := tp.places.Load(); places != nil {
		return *places
	}
	return nil
}

// isOpen reports whether a partition is open.
func (tp *topicPartitions) isOpen(index int32) bool {
	at := tp.at(index)
	return at != nil && at.partition.Load() != nil
}

// ended returns why no partition is opened any more, nil while they are.
func (tp *topicPartitions) ended() error {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.gone
}

// of returns the topic's entry and creates it if it is missing.
func (ps *Partitions) of(t *metadata.Topic) (*topicPartitions, error) {
	ps.mu.RLock()
	tp, closed := ps.topics[t.ID], ps.closed
	ps.mu.RUnlock()
	if tp != nil && !closed {
		return tp, nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.closed {
		return nil, errStopping
	}
	if tp = ps.topics[t.ID]; tp == nil {
		if _, ok := ps.store.Image().TopicByID(t.ID); !ok {
			return nil, fault.UnknownTopicOrPartition // deleted since the caller found it
		}
		tp = &topicPartitions{id: t.ID, name: t.Name, before: ps.names[t.Name]}
		ps.topics[t.ID], ps.names[t.Name] = tp, tp
	}
	return tp, nil
}

// forget removes the entry of a topic whose logs were deleted.
func (ps *Partitions) forget(tp *topicPartitions) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.topics, tp.id)
	newer := ps.names[tp.name]
	switch {
	case newer == tp && tp.before != nil:
		ps.names[tp.name] = tp.before // its logs still exist
		return
	case newer == tp:
		delete(ps.names, tp.name)
		return
	}
	for ; newer != nil; newer = newer.before {
		if newer.before == tp {
			newer.before = tp.before
		}
	}
}

// supersede removes the logs that a partition had in deleted topics of the same name, and waits for deletions in
// progress.
func (ps *Partitions) supersede(ctx context.Context, tp *topicPartitions, index int32) error {
	ps.mu.RLock()
	var old []*topicPartitions
	for before := tp.before; before != nil; before = before.before {
		old = append(old, before)
	}
	ps.mu.RUnlock()
	for _, before := range old {
		before.retire(fault.UnknownTopicOrPartition)
		ps.upkeep.ask(task{kind: dropTopic, topic: before.id})
		if err := ps.discard(ctx, before, index); err != nil {
			return fault.New(fault.KafkaStorageError, "the log of the deleted topic %s is in the way: %w", tp.name, err)
		}
	}
	return nil
}

// openIn returns the open partition of a topic, opened when it is not. One that could not be opened is tried again
// after a while; until then its error is the answer.
func (ps *Partitions) openIn(
	ctx context.Context, tp *topicPartitions, t *metadata.Topic, index int32,
) (*Partition, error) {
	at, err := tp.take(index, len(t.Partitions))
	if err != nil {
		return nil, err
	}
	if p := at.partition.Load(); p != nil {
		return p, nil
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if p := at.partition.Load(); p != nil {
		return p, nil
	}
	if err := tp.ended(); err != nil {
		return nil, err
	}
	if at.failed != nil && ps.clock().Before(at.failed.again) {
		return nil, at.failed.err
	}
	tp.mu.Lock()
	cfg := tp.share(ps.configs.Topic(t.Configs))
	tp.mu.Unlock()
	err = ps.supersede(ctx, tp, index)
	var p *Partition
	if err == nil {
		p, err = ps.openLog(ctx, t, index, cfg)
	}
	if err != nil && ctx.Err() != nil {
		return nil, err // the request has ended; this says nothing about the log
	}
	if err != nil {
		ps.notOpened(ctx, at, t, index, err)
		return nil, err
	}
	if at.failed != nil || ps.early.expects(t.Name, t.ID, ps.lease.Now()) {
		p.refuse(fault.NotLeaderOrFollower)
	}
	if at.failed != nil {
		ps.log.InfoContext(ctx, "log opened after failed attempts", "topic", t.Name, "partition", index)
	}
	ps.recovered(at)
	at.leftover = false
	ps.publish(at, tp, p, cfg)
	return p, nil
}

// publish puts a partition into its place, after applying what has changed while it was opened. The caller holds the
// place's lock.
func (ps *Partitions) publish(at *place, tp *topicPartitions, p *Partition, cfg *brokerconfigs.TopicConfig) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	now, ok := ps.store.Image().TopicByID(tp.id)
	switch {
	case tp.gone != nil: // it is stored all the same: the removal of the topic finds it and deletes its log
		p.end(tp.gone)
	case ok:
		if newest := tp.share(ps.configs.Topic(now.Configs)); newest != cfg {
			p.configure(newest, ps.replicaSettings(newest))
		}
		ps.refresh(p)
		if !slices.Contains(now.Partitions[p.index].Replicas, ps.nodeID) {
			ps.upkeep.ask(task{kind: alignPartition, topic: tp.id, partition: p.index})
		}
	}
	at.partition.Store(p)
}

// notOpened records that a log could not be opened, and has the replica resign.
func (ps *Partitions) notOpened(ctx context.Context, at *place, t *metadata.Topic, index int32, err error) {
	if at.failed == nil || at.failed.err.Error() != err.Error() {
		ps.log.ErrorContext(ctx, "cannot open log", "topic", t.Name, "partition", index, "err", err)
	}
	if at.failed == nil {
		at.failed = &failedOpening{stub: &Partition{topic: t.Name, id: t.ID, index: index, gone: err}}
		ps.mu.Lock()
		ps.failing[at.failed.stub] = struct{}{}
		ps.mu.Unlock()
	}
	at.failed.err, at.failed.pause = err, backOff(at.failed.pause, reopenFirst, reopenAfter)
	at.failed.again = ps.clock().Add(at.failed.pause)
	ps.queue.propose(at.failed.stub)
}

// recovered forgets earlier failed attempts to open a log. The caller holds the place's lock.
func (ps *Partitions) recovered(at *place) {
	if at.failed == nil {
		return
	}
	ps.mu.Lock()
	delete(ps.failing, at.failed.stub)
	ps.mu.Unlock()
	at.failed = nil
}

// unopened returns the stubs of the partitions whose logs could not be opened. Their resignation may have to be
// repeated.
func (ps *Partitions) unopened() []*Partition {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return slices.Collect(maps.Keys(ps.failing))
}

// openLog opens a partition's log. Errors: fault.KafkaStorageError, ctx's.
func (ps *Partitions) openLog(
	ctx context.Context, t *metadata.Topic, index int32, cfg *brokerconfigs.TopicConfig,
) (*Partition, error) {
	p := &Partition{
		topic: t.Name, id: t.ID, index: index, clock: ps.clock, lease: ps.lease, queue: ps.queue, space: ps.space,
		epoch: partition.NoEpoch,
	}
	p.config.Store(cfg)
	p.version.Store(-1)
	l, err := ps.logs.Open(ctx, ports.LogID{Topic: t.Name, TopicID: t.ID, Partition: index}, &cfg.Log, &p.state, p)
	if err != nil {
		if errors.Is(err, fault.KafkaStorageError) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fault.New(fault.KafkaStorageError, "open log of %s-%d: %w", t.Name, index, err)
	}
	p.state.Producers.CountIn(ps.producerMemory)
	epochs := p.state.TakeEpochs()
	p.tail.Lock() // the log may report events already
	p.log = l
	known := logState(l)
	known.Epochs = epochs
	p.replica = partition.NewReplica(ps.nodeID, ps.epoch, ps.replicaSettings(cfg), ps.lease.of, known, 0)
	p.tail.Unlock()
	p.expire(ps.clock())
	return p, nil
}
