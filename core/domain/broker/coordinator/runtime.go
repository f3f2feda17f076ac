package coordinator

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Log gives access to the partitions of internal topics that this broker leads. replicas.Partitions implements it.
type Log interface {
	// LeaderEpoch returns the leader epoch in which this broker leads the partition, if its lease has not ended. Error:
	// fault.NotLeaderOrFollower.
	LeaderEpoch(ctx context.Context, topic string, partition int32) (int32, error)
	// Start appends b to the partition's log, sets its base offset and returns without waiting for a disk. b must not be
	// changed from then on. wait returns nil when b is durable on every in-sync replica, and an error when it is unknown
	// whether b ever will be. It may be called once, from any goroutine, and returns when its ctx ends.
	//
	// After an error of Start nothing was appended. Errors: fault.NotLeaderOrFollower when leaderEpoch is not that of
	// LeaderEpoch, or the topic with this id was deleted; or the log's own.
	Start(
		ctx context.Context, topic metadata.TopicID, partition, leaderEpoch int32, b record.Batch,
	) (wait func(context.Context) error, err error)
	// Read visits the partition's batches from offset from to the end. It waits until batches that were started before
	// are durable, and visits them as well. A batch is valid until visit returns. An error of visit ends the reading.
	Read(ctx context.Context, topic string, partition int32, from int64, visit func(record.Batch) error) error
}

// Topics creates internal topics.
type Topics interface {
	// EnsureInternal returns the topic, and creates it if it does not exist.
	EnsureInternal(ctx context.Context, name string) (*metadata.Topic, error)
}

// Metadata shows the cluster's metadata, as ports.MetadataStore does.
type Metadata interface {
	Image() *metadata.Image
	Watch(ctx context.Context) iter.Seq[*metadata.Image]
}

// Dependencies are what a Runtime needs of the broker. All of them are required.
type Dependencies struct {
	Log      Log
	Topics   Topics
	Metadata Metadata
	NodeID   int32
	Memory   *Memory // may be shared by several coordinators
	Clock    ports.Clock
	Logger   *slog.Logger
	// WriteTimeout returns how long Await waits for a write, such as offsets.commit.timeout.ms.
	WriteTimeout func() time.Duration
}

// refusalsPerPeriod is how many lines about refused requests may be logged per limitedlog.Period.
const refusalsPerPeriod = 100

// Runtime runs the coordinators of one internal topic; see the package comment. Its methods may be called concurrently
// while Run runs.
type Runtime[S State, R Record] struct {
	deps       Dependencies
	machine    Machine[S, R]
	refusals   *limitedlog.Log // for errors that clients can cause
	alarms     *alarms
	background chan func(context.Context) // functions that Run runs on goroutines of their own
	stopped    chan struct{}              // closed when Run ends

	mu     sync.Mutex
	shards map[int32]*shard[S, R]
}

// New returns the Runtime of a machine.
func New[S State, R Record](m Machine[S, R], d Dependencies) *Runtime[S, R] {
	if m.EndTxn == nil {
		m.EndTxn = func(S, int64, bool) {}
	}
	return &Runtime[S, R]{
		deps:       d,
		machine:    m,
		refusals:   limitedlog.New(d.Logger, refusalsPerPeriod),
		alarms:     newAlarms(d.Clock),
		background: make(chan func(context.Context)),
		stopped:    make(chan struct{}),
		shards:     map[int32]*shard[S, R]{},
	}
}

// Run loads the partitions that this broker begins to lead, unloads those that it does not lead any more, and wakes
// states at their deadlines, until ctx ends. When it returns, every waiting request has been answered and all
// goroutines have ended. It must be called once.
func (r *Runtime[S, R]) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { r.alarms.run(ctx) })
	work.Go(func() { r.follow(ctx) })
	for {
		select {
		case f := <-r.background:
			work.Go(func() { f(ctx) })
		case <-ctx.Done():
			close(r.stopped)
			for _, s := range r.known() {
				s.close()
			}
			work.Wait()
			return nil
		}
	}
}

// CatchUp rings the alarms that are due at once, and returns when what they have written is durable; for the error see
// AwaitWrites. It is called after the broker's clock was moved: Run waits by the machine's clock.
func (r *Runtime[S, R]) CatchUp(ctx context.Context) error {
	r.alarms.catchUp(ctx)
	return r.AwaitWrites(ctx)
}

// Go runs f on a goroutine that Run waits for: work of a state machine outside of its steps. It reports false when Run
// has ended.
func (r *Runtime[S, R]) Go(f func(context.Context)) bool {
	select {
	case <-r.stopped:
		return false
	case r.background <- f:
		return true
	}
}

// Find returns the id of the broker that coordinates the key. It creates the topic if it is missing, which no other
// method does. The error is fault.CoordinatorNotAvailable when the partition has no leader or the topic cannot be
// created, for instance because other brokers are still starting. Clients retry it; the reason is logged.
func (r *Runtime[S, R]) Find(ctx context.Context, key string) (brokerID int32, err error) {
	topic, err := r.deps.Topics.EnsureInternal(ctx, r.machine.Topic)
	if err != nil {
		if ctx.Err() == nil {
			r.refusals.Warn(ctx, "no coordinator is available: the internal topic cannot be created",
				"topic", r.machine.Topic, "err", err)
		}
		return -1, fault.New(fault.CoordinatorNotAvailable, "create %s: %w", r.machine.Topic, err)
	}
	leader := topic.Partitions[PartitionFor(key, int32(len(topic.Partitions)))].Leader
	if leader < 0 {
		return -1, fault.CoordinatorNotAvailable
	}
	return leader, nil
}

// topicID returns the id of the topic, zero when there is none.
func (r *Runtime[S, R]) topicID() (id metadata.TopicID) {
	if topic, ok := r.deps.Metadata.Image().Topic(r.machine.Topic); ok {
		id = topic.ID
	}
	return id
}
