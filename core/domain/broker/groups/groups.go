package groups

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// configs are this broker's effective configs by Kafka's keys.
type configs interface {
	Int(key string) int64
}

// Dependencies are what the coordinator needs of the broker. All of them are required.
type Dependencies struct {
	Log      coordinator.Log
	Topics   coordinator.Topics
	Metadata coordinator.Metadata
	Configs  configs
	NodeID   int32
	// Memory bounds groups, their members and committed offsets. When it is used up, members that want to join, and
	// commits to further partitions, get a retriable error.
	Memory *coordinator.Memory
	Clock  ports.Clock
	Random io.Reader // for member ids; safe for concurrent use
	Logger *slog.Logger
}

// eventsPerPeriod is how many events of groups may be logged per limitedlog.Period.
const eventsPerPeriod = 100

// Coordinator coordinates the consumer groups whose partitions of __consumer_offsets this broker leads. Its methods may
// be called concurrently while Run runs.
type Coordinator struct {
	deps   Dependencies
	groups *coordinator.Runtime[*classic.Group, group.Record]
	events *limitedlog.Log // for events that clients cause
}

// entry is a group on its shard.
type entry = coordinator.Entry[*classic.Group, group.Record]

// New returns the coordinator.
func New(d Dependencies) *Coordinator {
	c := &Coordinator{deps: d, events: limitedlog.New(d.Logger, eventsPerPeriod)}
	c.groups = coordinator.New(c.machine(), coordinator.Dependencies{
		Log: d.Log, Topics: d.Topics, Metadata: d.Metadata, NodeID: d.NodeID, Memory: d.Memory, Clock: d.Clock,
		Logger:       d.Logger,
		WriteTimeout: func() time.Duration { return c.millis("offsets.commit.timeout.ms") },
	})
	return c
}

// Run loads groups, applies their time-outs, and removes expired offsets and those of deleted topics, until ctx ends.
// When it returns, every waiting request has been answered and all goroutines have ended. It must be called once.
func (c *Coordinator) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { c.forgetTopics(ctx) })
	work.Go(func() { c.sweepPeriodically(ctx) })
	err := c.groups.Run(ctx)
	work.Wait()
	return err
}

// Find returns the id of the broker that coordinates the group, and creates __consumer_offsets if it is missing. The
// error is fault.CoordinatorNotAvailable if there is no such broker now.
func (c *Coordinator) Find(ctx context.Context, groupID string) (brokerID int32, err error) {
	return c.groups.Find(ctx, groupID)
}

// settings returns the current configs of groups.
func (c *Coordinator) settings() classic.Settings {
	return classic.Settings{
		InitialRebalanceDelay: c.millis("group.initial.rebalance.delay.ms"),
		MaxSize:               int(c.deps.Configs.Int("group.max.size")),
	}
}

// millis returns a config in milliseconds.
func (c *Coordinator) millis(key string) time.Duration {
	return time.Duration(c.deps.Configs.Int(key)) * time.Millisecond
}
