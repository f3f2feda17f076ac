package replicas

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Partitions is the registry of the partitions of which this broker has a replica. A partition without other replicas
// is opened on first use, so that unused partitions cost nothing at the start. The others are opened at once, since
// they have to be replicated.
type Partitions struct {
	store   ports.MetadataStore
	logs    ports.LogStore
	configs topicConfigs
	nodeID  int32
	epoch   int64 // of this process's registration; metadata for another epoch is meant for another process
	clock   ports.Clock
	log     *slog.Logger
	noise   *limitedlog.Log // for errors of what is retried
	lease   *Lease
	queue   replicaQueue
	space   *Space // nil: unlimited
	upkeep  *upkeep
	early   earlyRefusals

	producerMemory *partition.ProducerMemory // bounds the producers that all partitions remember together

	mu      sync.RWMutex
	topics  map[metadata.TopicID]*topicPartitions
	names   map[string]*topicPartitions // the newest topic of each name
	failing map[*Partition]struct{}     // stubs of partitions whose logs cannot be opened
	closed  bool
}

// noiseOfLogs is how many lines about failing logs may be written per limitedlog.Period.
const noiseOfLogs = 20

// topicConfigs is what partitions need of the configs; see brokerconfigs.Configs.
type topicConfigs interface {
	Topic(own map[string]string) brokerconfigs.TopicConfig
	Int(key string) int64
}

// NewPartitions returns the registry over logs, of broker nodeID, which is registered under epoch. producers bounds the
// memory for producers; nil means no bound. All other arguments are required.
func NewPartitions(
	store ports.MetadataStore, logs ports.LogStore, configs topicConfigs, nodeID int32, epoch int64, lease *Lease,
	producers *partition.ProducerMemory, clock ports.Clock, log *slog.Logger,
) *Partitions {
	ps := &Partitions{
		store: store, logs: logs, configs: configs, nodeID: nodeID, epoch: epoch, clock: clock,
		log: log, noise: limitedlog.New(log, noiseOfLogs), lease: lease, queue: unreplicated{}, producerMemory: producers,
		topics: make(map[metadata.TopicID]*topicPartitions), names: make(map[string]*topicPartitions),
		failing: make(map[*Partition]struct{}),
	}
	ps.upkeep = newUpkeep(ps.keep, clock)
	return ps
}

// unreplicated is the replicaQueue of a standalone broker.
type unreplicated struct{}

func (unreplicated) propose(*Partition) {}
func (unreplicated) fetch(*Partition)   {}
func (unreplicated) left(*Partition)    {}

// Within makes every append count against the space of the disk. It must be called before the first append.
func (ps *Partitions) Within(s *Space) { ps.space = s }

// Leader returns the partition if this broker leads it. Errors: fault.UnknownTopicOrPartition,
// NotLeaderOrFollower, KafkaStorageError.
func (ps *Partitions) Leader(ctx context.Context, t *metadata.Topic, index int32) (*Partition, error) {
	if index < 0 || int(index) >= len(t.Partitions) {
		return nil, fault.UnknownTopicOrPartition
	}
	if t.Partitions[index].Leader != ps.nodeID {
		return nil, fault.NotLeaderOrFollower
	}
	return ps.replica(ctx, t, index)
}

// Replica returns the partition if this broker has a replica of it, leader or follower. Errors are those of Leader.
func (ps *Partitions) Replica(ctx context.Context, t *metadata.Topic, index int32) (*Partition, error) {
	if index < 0 || int(index) >= len(t.Partitions) {
		return nil, fault.UnknownTopicOrPartition
	}
	if !slices.Contains(t.Partitions[index].Replicas, ps.nodeID) {
		return nil, fault.NotLeaderOrFollower
	}
	return ps.replica(ctx, t, index)
}

// replica returns the partition, opened and not older than t. t must assign a replica to this broker.
func (ps *Partitions) replica(ctx context.Context, t *metadata.Topic, index int32) (*Partition, error) {
	tp, err := ps.of(t)
	if err != nil {
		return nil, err
	}
	p, err := ps.openIn(ctx, tp, t, index)
	if err == nil && p.version.Load() < t.Partitions[index].Version {
		ps.refresh(p)
	}
	return p, err
}

// refresh applies the newest image to p. The broker's registration has to come from the same image as the partition:
// otherwise a state that was meant for an earlier process could count for this one.
func (ps *Partitions) refresh(p *Partition) {
	img := ps.store.Image()
	t, ok := img.TopicByID(p.id)
	if !ok || int(p.index) >= len(t.Partitions) {
		return
	}
	registered := int64(-1)
	if b, ok := img.Broker(ps.nodeID); ok {
		registered = b.Epoch
	}
	p.install(viewOf(&t.Partitions[p.index], registered))
}

// replicaSettings returns the settings of a topic's replicas.
func (ps *Partitions) replicaSettings(cfg *brokerconfigs.TopicConfig) partition.ReplicaSettings {
	return partition.ReplicaSettings{
		MinInSync: cfg.MinInSyncReplicas, MaxLag: brokerconfigs.Millis(ps.configs.Int("replica.lag.time.max.ms")),
	}
}

// LeaderByName is Leader for a topic's name.
func (ps *Partitions) LeaderByName(ctx context.Context, topic string, index int32) (*Partition, error) {
	t, ok := ps.store.Image().Topic(topic)
	if !ok {
		return nil, fault.UnknownTopicOrPartition
	}
	return ps.Leader(ctx, t, index)
}

// ReplicaByName is Replica for a topic's name.
func (ps *Partitions) ReplicaByName(ctx context.Context, topic string, index int32) (*Partition, error) {
	t, ok := ps.store.Image().Topic(topic)
	if !ok {
		return nil, fault.UnknownTopicOrPartition
	}
	return ps.Replica(ctx, t, index)
}

// updateOpen applies t and the current configs to the open partitions of a topic.
func (ps *Partitions) updateOpen(tp *topicPartitions, t *metadata.Topic) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	var cfg *brokerconfigs.TopicConfig
	for p := range tp.open() {
		if cfg == nil {
			cfg = tp.share(ps.configs.Topic(t.Configs))
		}
		p.configure(cfg, ps.replicaSettings(cfg))
		ps.refresh(p)
	}
}

// Close ends every partition. Waiting requests get fault.NotLeaderOrFollower, producers as soon as their bytes are on
// disk. It closes no log: the log store still has to make them durable.
func (ps *Partitions) Close() {
	ps.mu.Lock()
	ps.closed = true
	all := ps.topics
	ps.topics, ps.names = make(map[metadata.TopicID]*topicPartitions), make(map[string]*topicPartitions)
	clear(ps.failing)
	ps.mu.Unlock()
	for _, tp := range all {
		tp.end(errStopping)
	}
}

// errStopping answers requests to partitions when the broker stops.
var errStopping = fault.New(fault.NotLeaderOrFollower, "broker is stopping")

// Open yields the open partitions, in no order.
func (ps *Partitions) Open() iter.Seq[*Partition] {
	return func(yield func(*Partition) bool) {
		for _, tp := range ps.known() {
			for p := range tp.open() {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// InNeed counts the partitions that this broker cannot serve because their logs have failed or cannot be opened, and
// those that it leads with fewer replicas in sync than min.insync.replicas.
func (ps *Partitions) InNeed() (offline, underMinISR int) {
	offline = len(ps.unopened())
	for p := range ps.Open() {
		failed, tooFew := p.inNeed()
		if failed {
			offline++
		}
		if tooFew {
			underMinISR++
		}
	}
	return offline, underMinISR
}

// known returns the topics of which a partition was used.
func (ps *Partitions) known() []*topicPartitions {
	ps.mu.RLock()
	defer ps.mu.RUnlock()
	return slices.Collect(maps.Values(ps.topics))
}

// Expire removes from every open partition the producers that have been idle for producer.id.expiration.ms. It ends
// early when ctx does.
func (ps *Partitions) Expire(ctx context.Context) {
	for p := range ps.Open() {
		if ctx.Err() != nil {
			return
		}
		p.expire(ps.clock())
	}
}

// Producers returns the producers that this broker's replica of a partition remembers, even if it does not lead: a
// client that searches for a hanging transaction asks all replicas (KIP-664).
func (ps *Partitions) Producers(ctx context.Context, topic string, index int32) ([]partition.Producer, error) {
	p, err := ps.ReplicaByName(ctx, topic, index)
	if err == nil {
		err = p.failed()
	}
	if err != nil {
		return nil, err
	}
	return p.producers()
}

// Start appends a batch of the broker's own to a partition of an internal topic and returns without waiting for a disk.
// wait returns when the batch is durable on every in-sync replica, or when its ctx ends. The batch must not change
// until then. Errors of Start are those of a produce, and fault.NotLeaderOrFollower when the partition is led in
// another epoch or its topic was deleted.
func (ps *Partitions) Start(
	ctx context.Context, topic metadata.TopicID, index, leaderEpoch int32, b record.Batch,
) (wait func(context.Context) error, err error) {
	t, ok := ps.store.Image().TopicByID(topic)
	if !ok {
		return nil, fault.NotLeaderOrFollower
	}
	p, err := ps.Leader(ctx, t, index)
	if err != nil {
		return nil, err
	}
	done := make(result, 1)
	if err := p.appendIn(leaderEpoch, b, ack{acks: allInSync, done: done}, 0); err != nil {
		return nil, err
	}
	return done.wait, nil
}

// LeaderEpoch returns the epoch in which this broker leads a partition, if its lease holds. Errors are those of
// LeaderByName.
func (ps *Partitions) LeaderEpoch(ctx context.Context, topic string, index int32) (int32, error) {
	p, err := ps.LeaderByName(ctx, topic, index)
	if err != nil {
		return -1, err
	}
	v := p.view(partition.NoEpoch)
	if v.failure != nil {
		return -1, v.failure
	}
	return v.epoch, v.noLead
}

// readBytes is how many bytes of a log Read reads at once.
const readBytes = 1 << 20

// Read visits the batches of a partition from offset from to the high watermark, after everything that was appended
// before the call is committed. A batch is valid during its visit only. An error of visit ends the reading and is
// returned.
func (ps *Partitions) Read(
	ctx context.Context, topic string, index int32, from int64, visit func(record.Batch) error,
) error {
	p, err := ps.LeaderByName(ctx, topic, index)
	if err != nil {
		return err
	}
	if err := p.awaitCommitted(ctx); err != nil {
		return err
	}
	from = max(from, p.log.StartOffset())
	var buf []byte
	for upTo := p.committed(); from < upTo; upTo = p.committed() {
		if err := ctx.Err(); err != nil {
			return err
		}
		s, err := p.log.Read(from, upTo, readBytes)
		if err != nil {
			return fmt.Errorf("read %s-%d at %d: %w", topic, index, from, err)
		}
		if s.Size == 0 {
			s.Release()
			return nil
		}
		if cap(buf) < s.Size {
			buf = make([]byte, s.Size)
		}
		buf = buf[:s.Size]
		err = s.ReadInto(buf)
		s.Release()
		if err != nil {
			return fault.New(fault.KafkaStorageError, "read %s-%d at %d: %w", topic, index, from, err)
		}
		for rest := buf; len(rest) > 0; {
			var b record.Batch
			if b, rest, err = record.Next(rest); err != nil {
				return fmt.Errorf("read %s-%d at %d: %w", topic, index, from, err)
			}
			if err := visit(b); err != nil {
				return err
			}
			from = b.NextOffset()
		}
	}
	return nil
}
