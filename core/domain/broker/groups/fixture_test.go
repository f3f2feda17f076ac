package groups

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports/porttest"
	"github.com/chronik-stream/chronik/internal/pause"
)

// slowLog is a GroupLog in memory on which batches become durable after delay, one like the other.
type slowLog struct {
	delay     time.Duration
	readDelay time.Duration

	mu      sync.Mutex
	batches map[int32][]record.Batch // durable or on their way, in order
	durable map[int32]int            // how many of them are durable
	refuse  error                    // of Start
	lose    error                    // of wait: what is on its way is lost
	unread  error                    // of Read
	damaged map[int32]error          // of Read, by partition
	starts  int
	reads   int
	epoch   int32 // in which this broker leads all partitions
	deposed error // of LeaderEpoch and Start
	deleted []metadata.TopicID
}

func newSlowLog(delay time.Duration) *slowLog {
	return &slowLog{delay: delay, batches: map[int32][]record.Batch{}, durable: map[int32]int{}}
}

func (l *slowLog) LeaderEpoch(context.Context, string, int32) (int32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.deposed
}

func (l *slowLog) Start(_ context.Context, topic metadata.TopicID, p, epoch int32, b record.Batch) (func(context.Context) error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts++
	if l.deposed != nil || epoch != l.epoch || slices.Contains(l.deleted, topic) {
		return nil, fault.NotLeaderOrFollower
	}
	if l.refuse != nil {
		return nil, l.refuse
	}
	l.batches[p] = append(l.batches[p], b)
	place := len(l.batches[p])
	ready := time.Now().Add(l.delay)
	return func(ctx context.Context) error {
		if pause.For(ctx, time.Until(ready)); ctx.Err() != nil {
			return ctx.Err()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.lose != nil {
			l.batches[p] = l.batches[p][:l.durable[p]]
			return l.lose
		}
		l.durable[p] = max(l.durable[p], place)
		return nil
	}, nil
}

func (l *slowLog) Read(ctx context.Context, _ string, p int32, _ int64, visit func(record.Batch) error) error {
	l.mu.Lock()
	l.reads++
	delay := l.readDelay
	l.mu.Unlock()
	if pause.For(ctx, delay); ctx.Err() != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	err, batches := cmp.Or(l.unread, l.damaged[p]), slices.Clone(l.batches[p][:l.durable[p]])
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

func (l *slowLog) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// records returns the durable records of a group.
func (l *slowLog) records(t *testing.T, groupID string) (out []group.Record) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := group.PartitionFor(groupID, 50)
	for _, b := range l.batches[p][:l.durable[p]] {
		if err := b.VerifyCRC(); err != nil {
			t.Fatal(err)
		}
		for r, err := range b.Records(record.Limits{}) {
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := group.Decode(r.Key, r.Value)
			if err != nil {
				t.Fatal(err)
			}
			switch d := decoded.(type) {
			case group.OffsetRecord:
				if d.Group == groupID {
					out = append(out, d)
				}
			case group.MetadataRecord:
				if d.Group == groupID {
					out = append(out, d)
				}
			}
		}
	}
	return out
}

// brokerConfigs are what the test says, by Kafka's keys.
type brokerConfigs map[string]int64

func (c brokerConfigs) Int(key string) int64 { return c[key] }

// groupsFixture is a coordinator that runs in a synctest bubble.
type groupsFixture struct {
	*Groups
	t       *testing.T
	log     *slowLog
	store   *porttest.Store
	configs brokerConfigs
	stop    func() // ends Run and waits for it; may be called again
}

// runGroups runs f in a bubble with a coordinator over log.
func runGroups(t *testing.T, log *slowLog, f func(t *testing.T, g *groupsFixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGroupsFixture(t, log)
		defer g.stop()
		f(t, g)
	})
}

func newGroupsFixture(t *testing.T, log *slowLog) *groupsFixture {
	store := porttest.NewStore()
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1},
		metadata.CreateTopic{Name: metadata.OffsetsTopic, ID: metadata.TopicID{9}, Partitions: 50, ReplicationFactor: 1},
		metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 4, ReplicationFactor: 1},
	} {
		if _, err := store.Apply(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	configs := brokerConfigs{
		"group.min.session.timeout.ms": 6000, "group.max.session.timeout.ms": 1800000, "group.initial.rebalance.delay.ms": 3000,
		"group.max.size": 1 << 31, "offsets.retention.minutes": 10080, "offsets.retention.check.interval.ms": 600000,
		"offset.metadata.max.bytes": 4096, "offsets.commit.timeout.ms": 5000,
	}
	return startGroups(t, log, store, configs)
}

func startGroups(t *testing.T, log *slowLog, store *porttest.Store, configs brokerConfigs) *groupsFixture {
	ctx, cancel := context.WithCancel(context.Background())
	g := &groupsFixture{t: t, log: log, store: store, configs: configs}
	g.Groups = NewGroups(log, groupstest.ExistingTopics{Store: store}, configs, store, 1, 1<<30, time.Now, groupstest.Random(1), slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return g
}

// restart stops the coordinator and starts another on the same log and metadata.
func (g *groupsFixture) restart() *groupsFixture {
	g.stop()
	return startGroups(g.t, g.log, g.store, g.configs)
}

func (g *groupsFixture) apply(cmd metadata.Command) {
	g.t.Helper()
	if _, err := g.store.Apply(g.t.Context(), cmd); err != nil {
		g.t.Fatal(err)
	}
}

// neighbours returns n group ids that live in the same partition.
func neighbours(n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint("group-", i); group.PartitionFor(id, 50) == 7 {
			ids = append(ids, id)
		}
	}
	return ids
}
