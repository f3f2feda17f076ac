package coordinator_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	partitions   = 3 // of the topic
	brokers      = 3
	writeTimeout = 5 * time.Second
)

// world is a set of brokers with a ledger each, on the same metadata and the same log. At first broker 1 leads every
// partition.
type world struct {
	t      *testing.T
	store  *porttest.Store
	log    *coordinatortest.Log
	on     map[int32]*ledger
	ending map[int32]func() // ends a broker's ledger
	logger *slog.Logger     // of the ledgers that are started
}

// inWorld runs f in a bubble of time, with a log on which batches are durable after delay.
func inWorld(t *testing.T, delay time.Duration, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, store: porttest.NewStore(), log: coordinatortest.NewLog(delay), on: map[int32]*ledger{},
			ending: map[int32]func(){}, logger: slog.New(slog.DiscardHandler),
		}
		for id := range int32(brokers) {
			w.apply(metadata.RegisterBroker{ID: id + 1})
		}
		w.create(metadata.TopicID{1}, partitions)
		for id := range int32(brokers) {
			w.start(id + 1)
		}
		defer w.stop()
		f(t, w)
	})
}

func (w *world) apply(cmd metadata.Command) {
	w.t.Helper()
	if _, err := w.store.Apply(context.Background(), cmd); err != nil {
		w.t.Fatalf("%+v: %v", cmd, err)
	}
}

// create creates the topic. Its partitions are led by broker 1.
func (w *world) create(id metadata.TopicID, partitions int32) {
	w.t.Helper()
	assignments := slices.Repeat([][]int32{{1, 2, 3}}, int(partitions))
	w.apply(metadata.CreateTopic{Name: topic, ID: id, Partitions: -1, ReplicationFactor: -1, Assignments: assignments})
	for p := range partitions {
		w.log.Elect(p, 1, 0, 0)
	}
}

// start runs a broker's ledger.
func (w *world) start(id int32) *ledger {
	l := newLedger(coordinator.Dependencies{
		Log: w.log.Of(id), Topics: existing{w.store}, Metadata: w.store, NodeID: id, Memory: coordinator.NewMemory(1 << 20),
		Clock: time.Now, Logger: w.logger, WriteTimeout: func() time.Duration { return writeTimeout },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	w.on[id], w.ending[id] = l, sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil || l.memory.Used() != 0 {
			w.t.Errorf("Run() = %v, and %d bytes of memory are in use", err, l.memory.Used())
		}
	})
	return l
}

// restart ends a broker's ledger and runs another.
func (w *world) restart(id int32) *ledger {
	w.ending[id]()
	return w.start(id)
}

func (w *world) stop() {
	for _, end := range w.ending {
		end()
	}
}

// leader returns the broker that leads a partition, and in which epoch.
func (w *world) leader(p int32) (broker, epoch int32) {
	w.t.Helper()
	t, ok := w.store.Image().Topic(topic)
	if !ok {
		w.t.Fatal("no topic")
	}
	return t.Partitions[p].Leader, t.Partitions[p].LeaderEpoch
}

// elect makes a broker the leader of a partition, with the first kept batches of those that are not durable yet. The
// brokers see it in the log before they see it in the metadata.
func (w *world) elect(p, broker int32, kept int) {
	w.t.Helper()
	before, epoch := w.leader(p)
	if before == broker {
		return
	}
	w.log.Elect(p, broker, epoch+1, kept)
	t, _ := w.store.Image().Topic(topic)
	replicas := []int32{broker}
	for id := range int32(brokers) {
		if id+1 != broker {
			replicas = append(replicas, id+1)
		}
	}
	w.apply(metadata.AlterReassignment{TopicID: t.ID, Partition: p, Replicas: replicas})
	w.apply(metadata.ElectLeader{TopicID: t.ID, Partition: p})
	if now, e := w.leader(p); now != broker || e != epoch+1 {
		w.t.Fatalf("%d leads in epoch %d, want %d in %d", now, e, broker, epoch+1)
	}
}

// existing creates no topic.
type existing struct{ *porttest.Store }

func (e existing) EnsureInternal(_ context.Context, name string) (*metadata.Topic, error) {
	if t, ok := e.Image().Topic(name); ok {
		return t, nil
	}
	return nil, fault.UnknownTopicOrPartition
}

// neighbours returns n keys that live in partition 0.
func neighbours(n int) (keys []string) {
	for c := 'a'; len(keys) < n; c++ {
		if partitionOf(string(c)) == 0 {
			keys = append(keys, string(c))
		}
	}
	return keys
}

// wants checks an error's kind.
func wants(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if got := fault.KindOf(err); got != want {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// sums checks an account's sum.
func sums(t *testing.T, l *ledger, key string, want int64) {
	t.Helper()
	if got, err := l.Get(t.Context(), key); err != nil || got != want {
		t.Fatalf("Get(%q) = %d, %v, want %d", key, got, err, want)
	}
}

// added adds an amount, which must succeed.
func added(t *testing.T, l *ledger, key string, amount, want int64) {
	t.Helper()
	if got, err := l.Add(t.Context(), key, amount); err != nil || got != want {
		t.Fatalf("Add(%q, %d) = %d, %v, want %d", key, amount, got, err, want)
	}
}
