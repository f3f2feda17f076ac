// Package coordinatortest provides a log in memory for tests of coordinators. It can be slow, refuse or lose batches,
// and change its leader.
package coordinatortest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/internal/pause"
)

var (
	_ coordinator.Log = (*Log)(nil)
	_ coordinator.Log = (*Broker)(nil)
)

// Log holds the partitions of one internal topic, as seen by one broker that leads all of them; see Of for several
// brokers. Its exported fields must be changed in Set only.
type Log struct {
	Delay      time.Duration   // until a batch that was started is durable
	ReadDelay  time.Duration   // of Read
	Refuse     error           // of Start
	RefuseFrom int             // the call of Start, as counted by Starts, from which on the disk fails; 0 for never
	Lose       error           // of wait: batches that are not durable yet are lost
	Unread     error           // of Read
	Damaged    map[int32]error // of Read, by partition
	Epoch      int32           // in which the one broker leads all partitions
	Deposed    error           // of LeaderEpoch; Start refuses then, too
	Starts     int             // calls of Start
	Reads      int             // calls of Read

	mu         sync.Mutex
	partitions map[int32]*partition
	deleted    []metadata.TopicID
}

// partition is the log of a partition. leader and epoch are used with several brokers only.
type partition struct {
	entries       []*entry // in order, also those that are not durable yet
	durable       int      // how many of them are durable
	leader, epoch int32
}

type entry struct {
	batch record.Batch
	ready time.Time // when it becomes durable
}

// NewLog returns an empty log on which batches become durable after delay.
func NewLog(delay time.Duration) *Log { return &Log{Delay: delay, partitions: map[int32]*partition{}} }

// Set changes the fields.
func (l *Log) Set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.partitions {
		_ = l.advance(p)
	}
	change()
}

// Delete removes all records, as when the topic is deleted, and refuses later writes to it. The next topic of its name
// begins with leader epoch 0.
func (l *Log) Delete(topic metadata.TopicID) {
	l.Set(func() {
		clear(l.partitions)
		l.Epoch = 0
		l.deleted = append(l.deleted, topic)
	})
}

// Durable returns the durable batches of a partition.
func (l *Log) Durable(index int32) (batches []record.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.partition(index)
	_ = l.advance(p)
	for _, e := range p.entries[:p.durable] {
		batches = append(batches, e.batch)
	}
	return batches
}

func (l *Log) partition(index int32) *partition {
	p := l.partitions[index]
	if p == nil {
		p = &partition{leader: -1}
		l.partitions[index] = p
	}
	return p
}

// advance makes batches durable that are due. With Lose set, it drops all that are not durable instead and returns
// Lose.
func (l *Log) advance(p *partition) error {
	for p.durable < len(p.entries) && !p.entries[p.durable].ready.After(time.Now()) {
		if l.Lose != nil {
			p.entries = p.entries[:p.durable]
			return l.Lose
		}
		p.durable++
	}
	return nil
}

// LeaderEpoch implements coordinator.Log, as do the methods below.
func (l *Log) LeaderEpoch(context.Context, string, int32) (int32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Epoch, l.Deposed
}

// Start appends the batch, unless this broker does not lead.
func (l *Log) Start(
	_ context.Context, topic metadata.TopicID, index, epoch int32, b record.Batch,
) (wait func(context.Context) error, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Deposed != nil || epoch != l.Epoch {
		l.Starts++
		return nil, fault.NotLeaderOrFollower
	}
	return l.start(topic, index, b)
}

func (l *Log) start(topic metadata.TopicID, index int32, b record.Batch) (wait func(context.Context) error, err error) {
	l.Starts++
	if slices.Contains(l.deleted, topic) {
		return nil, fault.NotLeaderOrFollower
	}
	if l.Refuse != nil {
		return nil, l.Refuse
	}
	if l.RefuseFrom > 0 && l.Starts >= l.RefuseFrom {
		return nil, fault.KafkaStorageError
	}
	p := l.partition(index)
	_ = l.advance(p)
	if n := len(p.entries); n > 0 {
		b.SetBaseOffset(p.entries[n-1].batch.NextOffset())
	}
	e := &entry{batch: b, ready: time.Now().Add(l.Delay)}
	p.entries = append(p.entries, e)
	return func(ctx context.Context) error { return l.wait(ctx, p, e) }, nil
}

func (l *Log) wait(ctx context.Context, p *partition, e *entry) error {
	if pause.For(ctx, time.Until(e.ready)); ctx.Err() != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := l.advance(p)
	if slices.Contains(p.entries[:p.durable], e) {
		return nil
	}
	return cmp.Or(lost, error(fault.NotLeaderOrFollower))
}

// Read waits until batches that were started before are durable, and ReadDelay after that visits the batches that were
// durable then.
func (l *Log) Read(ctx context.Context, _ string, index int32, _ int64, visit func(record.Batch) error) error {
	l.mu.Lock()
	l.Reads++
	delay, started := l.ReadDelay, time.Time{}
	if p := l.partition(index); len(p.entries) > p.durable {
		started = p.entries[len(p.entries)-1].ready
	}
	l.mu.Unlock()
	pause.For(ctx, time.Until(started))
	batches := l.Durable(index)
	if pause.For(ctx, delay); ctx.Err() != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	err := cmp.Or(l.Unread, l.Damaged[index])
	l.mu.Unlock()
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := visit(b); err != nil {
			return err
		}
	}
	return nil
}

// Of returns the log as one of several brokers sees it. It leads the partitions for which it was elected last.
func (l *Log) Of(broker int32) *Broker { return &Broker{Log: l, id: broker} }

// Broker is the view that one of several brokers has of a Log.
type Broker struct {
	*Log
	id int32
}

// Elect makes a broker the leader of a partition in a new leader epoch. Of the batches that are not durable yet, the
// first kept ones stay, since the new leader has them. The others are lost, and wait fails for them.
func (l *Log) Elect(index, broker, epoch int32, kept int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.partition(index)
	_ = l.advance(p)
	p.durable = min(p.durable+kept, len(p.entries))
	p.entries = slices.Clone(p.entries[:p.durable])
	p.leader, p.epoch = broker, epoch
}

// LeaderEpoch implements coordinator.Log.
func (b *Broker) LeaderEpoch(_ context.Context, _ string, index int32) (int32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.partition(index)
	if p.leader != b.id {
		return -1, fault.NotLeaderOrFollower
	}
	return p.epoch, b.Deposed
}

// Start implements coordinator.Log.
func (b *Broker) Start(
	_ context.Context, topic metadata.TopicID, index, epoch int32, batch record.Batch,
) (wait func(context.Context) error, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.partition(index); p.leader != b.id || p.epoch != epoch {
		return nil, fault.NotLeaderOrFollower
	}
	return b.start(topic, index, batch)
}
