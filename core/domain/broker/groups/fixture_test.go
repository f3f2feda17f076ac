package groups

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// brokerConfigs are what the test says, by Kafka's keys.
type brokerConfigs map[string]int64

func (c brokerConfigs) Int(key string) int64 { return c[key] }

// fixture is a coordinator that runs in a synctest bubble.
type fixture struct {
	*Coordinator
	t       *testing.T
	log     *coordinatortest.Log
	store   *porttest.Store
	configs brokerConfigs
	topics  *someTopics
	stop    func() // ends Run and waits for it; may be called again
}

// someTopics may be changed while the coordinator runs.
type someTopics struct{ coordinator.Topics }

// runGroups runs f in a bubble with a coordinator over log.
func runGroups(t *testing.T, log *coordinatortest.Log, f func(t *testing.T, g *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newFixture(t, log)
		defer g.stop()
		f(t, g)
	})
}

func newFixture(t *testing.T, log *coordinatortest.Log) *fixture {
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
		"group.min.session.timeout.ms": 6000, "group.max.session.timeout.ms": 1800000,
		"group.initial.rebalance.delay.ms": 3000,
		"group.max.size":                   1 << 31, "offsets.retention.minutes": 10080,
		"offsets.retention.check.interval.ms": 600000,
		"offset.metadata.max.bytes":           4096, "offsets.commit.timeout.ms": 5000,
	}
	return startGroups(t, log, store, configs)
}

func startGroups(t *testing.T, log *coordinatortest.Log, store *porttest.Store, configs brokerConfigs) *fixture {
	ctx, cancel := context.WithCancel(context.Background())
	g := &fixture{t: t, log: log, store: store, configs: configs}
	g.topics = &someTopics{groupstest.ExistingTopics{Store: store}}
	g.Coordinator = New(Dependencies{
		Log: log, Topics: g.topics, Metadata: store, Configs: configs, NodeID: 1, Memory: coordinator.NewMemory(1 << 30),
		Clock: time.Now, Random: groupstest.Random(1), Logger: slog.New(slog.DiscardHandler),
	})
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
func (g *fixture) restart() *fixture {
	g.stop()
	return startGroups(g.t, g.log, g.store, g.configs)
}

// another returns a coordinator of another broker on the same log and metadata.
func (g *fixture) another(nodeID int32) *Coordinator {
	d := g.deps
	d.NodeID, d.Memory = nodeID, coordinator.NewMemory(1<<30)
	return New(d)
}

// records returns the durable records of a group.
func (g *fixture) records(groupID string) (out []group.Record) {
	g.t.Helper()
	for _, b := range g.log.Durable(coordinator.PartitionFor(groupID, 50)) {
		if err := b.VerifyCRC(); err != nil {
			g.t.Fatal(err)
		}
		for r, err := range b.Records(record.Limits{}) {
			if err != nil {
				g.t.Fatal(err)
			}
			of, decoded, err := decode(r.Key, r.Value)
			if err != nil {
				g.t.Fatal(err)
			}
			if of == groupID {
				out = append(out, decoded)
			}
		}
	}
	return out
}

func (g *fixture) apply(cmd metadata.Command) {
	g.t.Helper()
	if _, err := g.store.Apply(g.t.Context(), cmd); err != nil {
		g.t.Fatal(err)
	}
}

// neighbours returns n group ids that live in the same partition.
func neighbours(n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint("group-", i); coordinator.PartitionFor(id, 50) == 7 {
			ids = append(ids, id)
		}
	}
	return ids
}
