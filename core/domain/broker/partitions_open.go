package broker

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// reopenAfter is how long a log that could not be opened is left alone: its damage costs a request an error, not a scan.
const reopenAfter = 10 * time.Second

// topicPartitions are the partitions of one topic that have been asked for.
type topicPartitions struct {
	id     metadata.TopicID
	places atomic.Pointer[[]*place] // by partition, as far as was asked for

	mu     sync.Mutex   // guards what follows, the growth of places and what changes in open partitions
	gone   error        // why nothing is opened any more, nil while it is
	config *TopicConfig // of the open partitions
}

// share returns cfg, the one that the open partitions have where it is the same. Called with the lock held.
func (tp *topicPartitions) share(cfg TopicConfig) *TopicConfig {
	if tp.config == nil || *tp.config != cfg {
		tp.config = &cfg
	}
	return tp.config
}

// place is where a partition is once it is open. Who finds it there takes no lock.
type place struct {
	partition atomic.Pointer[Partition] // nil: not open

	mu     sync.Mutex     // held while the log is opened, of this partition only
	failed *failedOpening // the last attempt, nil unless it has failed
}

// failedOpening is an attempt to open a log that has failed.
type failedOpening struct {
	err   error
	again time.Time // when the next one may be made
}

// at returns the partition's place, nil when it was never asked for.
func (tp *topicPartitions) at(index int32) *place {
	if places := tp.places.Load(); places != nil && int(index) < len(*places) {
		return (*places)[index]
	}
	return nil
}

// take is at, with places made when there are none: for all partitions of the topic at once. The error says why they are
// not opened any more.
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
	added := make([]place, max(0, partitions-len(grown)))
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

// end ends all partitions for the reason given, returns those that were open, and has none opened any more.
func (tp *topicPartitions) end(reason error) (ended []*Partition) {
	tp.mu.Lock()
	tp.gone = reason
	places := tp.places.Load()
	tp.mu.Unlock()
	if places == nil {
		return nil
	}
	for _, at := range *places {
		at.mu.Lock() // one that is being opened is ended, too
		p := at.partition.Swap(nil)
		at.mu.Unlock()
		if p != nil {
			p.end(reason)
			ended = append(ended, p)
		}
	}
	return ended
}

// close ends one partition and returns it, if it is open. It can be opened again.
func (tp *topicPartitions) close(index int32, reason error) *Partition {
	at := tp.at(index)
	if at == nil {
		return nil
	}
	at.mu.Lock()
	p := at.partition.Swap(nil)
	at.mu.Unlock()
	if p != nil {
		p.end(reason)
	}
	return p
}

// ended returns why the partitions are not opened any more, nil while they are.
func (tp *topicPartitions) ended() error {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	return tp.gone
}

// of returns the topic's entry, made when it is missing.
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
			return nil, fault.UnknownTopicOrPartition // deleted since the caller has looked it up
		}
		tp = &topicPartitions{id: t.ID}
		ps.topics[t.ID] = tp
	}
	return tp, nil
}

// openIn returns the open partition of a topic, opened when it is not. One that could not be opened is tried again after a while;
// until then its error is the answer.
func (ps *Partitions) openIn(ctx context.Context, tp *topicPartitions, t *metadata.Topic, index int32) (*Partition, error) {
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
	p, err := ps.openLog(ctx, t, index, cfg)
	if err != nil && ctx.Err() != nil {
		return nil, err // the request has ended, and nothing is known of the log
	}
	if err != nil {
		if at.failed == nil || at.failed.err.Error() != err.Error() {
			ps.log.ErrorContext(ctx, "cannot open log", "topic", t.Name, "partition", index, "err", err)
		}
		at.failed = &failedOpening{err: err, again: ps.clock().Add(reopenAfter)}
		ps.queue.propose(&Partition{topic: t.Name, id: t.ID, index: index, gone: err}) // others have to go on without this replica
		return nil, err
	}
	at.failed = nil
	tp.mu.Lock()
	defer tp.mu.Unlock()
	if now, ok := ps.store.Image().TopicByID(tp.id); ok { // it may have changed since the caller has looked it up
		if newest := tp.share(ps.configs.Topic(now.Configs)); newest != cfg {
			p.configure(newest, ps.replicaSettings(newest))
		}
		ps.refresh(p)
	}
	at.partition.Store(p)
	return p, nil
}

// openLog opens a partition's log. Errors: fault.KafkaStorageError, ctx's.
func (ps *Partitions) openLog(ctx context.Context, t *metadata.Topic, index int32, cfg *TopicConfig) (*Partition, error) {
	p := &Partition{topic: t.Name, id: t.ID, index: index, clock: ps.clock, began: ps.lease.began, queue: ps.queue, space: ps.space}
	p.config.Store(cfg)
	p.version.Store(-1)
	l, err := ps.logs.Open(ctx, ports.LogID{Topic: t.Name, TopicID: t.ID, Partition: index}, &cfg.Log, p)
	if err != nil {
		if errors.Is(err, fault.KafkaStorageError) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fault.New(fault.KafkaStorageError, "open log of %s-%d: %w", t.Name, index, err)
	}
	p.tail.Lock() // the log may have something to tell already
	p.log = l
	p.replica = partition.NewReplica(ps.nodeID, ps.epoch, ps.replicaSettings(cfg), ps.lease.of, logState(l), 0)
	p.hw.Store(p.replica.HighWatermark())
	p.tail.Unlock()
	p.expire(ps.clock())
	return p, nil
}
