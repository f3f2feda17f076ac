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

// Log is the partitions of internal topics that this broker may lead. replicas.Partitions implements it.
type Log interface {
	// LeaderEpoch returns the leader epoch in which this broker leads the partition, and may do so now: its lease has
	// not ended. Error: fault.NotLeaderOrFollower.
	LeaderEpoch(ctx context.Context, topic string, partition int32) (int32, error)
	// Start orders b behind the end of the partition's log, sets its base offset and returns without waiting for any
	// disk. b must not be changed from then on. wait returns nil when b is durable on every in-sync replica, and an
	// error when that is not known to happen; it may be called from another goroutine, once, and be abandoned by
	// ending its ctx. After an error of Start itself nothing was appended: fault.NotLeaderOrFollower when leaderEpoch
	// is not that of LeaderEpoch, or the topic was deleted, whatever has its name now; or the log's own.
	Start(
		ctx context.Context, topic metadata.TopicID, partition, leaderEpoch int32, b record.Batch,
	) (wait func(context.Context) error, err error)
	// Read visits the partition's batches from offset from to the end, those included that were started before and
	// have yet to become durable. A batch is valid until visit returns. An error of visit ends the reading.
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
	// WriteTimeout returns how long Await waits for a write, offsets.commit.timeout.ms for instance.
	WriteTimeout func() time.Duration
}

// refusalsPerPeriod is how many lines about refused requests may be logged per limitedlog.Period.
const refusalsPerPeriod = 100

// Runtime runs the coordinators of one internal topic; see the package's comment. Its methods answer while Run runs,
// and may be called concurrently.
type Runtime[S State, R Record] struct {
	deps       Dependencies
	machine    Machine[S, R]
	refusals   *limitedlog.Log // what clients can cause
	alarms     *alarms
	background chan func(context.Context) // what Run is to do in goroutines of its own
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

// Run loads the partitions that this broker begins to lead, gives up those that it does not lead any more, and wakes
// states at their deadlines, until ctx ends. Once it has returned, every waiting request has been answered and all
// goroutines have ended. It runs once.
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
// AwaitWrites. It is for a clock that was moved: Run waits in the machine's time.
func (r *Runtime[S, R]) CatchUp(ctx context.Context) error {
	r.alarms.catchUp(ctx)
	return r.AwaitWrites(ctx)
}

// Go has Run do f in a goroutine that it waits for: what a state machine does outside its steps. It reports false
// when Run has ended.
func (r *Runtime[S, R]) Go(f func(context.Context)) bool {
	select {
	case <-r.stopped:
		return false
	case r.background <- f:
		return true
	}
}

// Find returns the id of the broker that coordinates the key, and creates the topic if it is missing: no other method
// does. The error is fault.CoordinatorNotAvailable when there is no such broker now or the topic cannot be created,
// as when brokers of a cluster are still starting. Clients try again; the operator is told why.
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
