// Package groups is the coordinator of consumer groups: what clients ask of it, answered by the state machines of
// core/domain/group on the shards of package coordinator.
//
// # The idea
//
// A group's state is what the records in its partition of __consumer_offsets say; every change that is answered was
// appended there first, and has become durable. The broker that leads the partition coordinates the group. Loading,
// ordering of writes, deadlines, memory and fail-over are those of coordinator.Runtime. This package adds what is
// special about groups: a step of a group's state machine returns Effects, and perform does what they ask for.
//
// # Files
//
//   - groups.go: the Coordinator, and what it needs
//   - members.go: joining, syncing, heartbeats, leaving
//   - offsets.go: committing, fetching and deleting offsets
//   - cleaning.go: offsets that have expired, or whose topics were deleted
//   - admin.go: describing, listing and deleting groups
//   - machine.go: how the Runtime and the groups' state machine come together
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
	// Memory is what groups, their members and committed offsets may take. A client that wants to join or to commit
	// to more partitions beyond it is told to try again.
	Memory *coordinator.Memory
	Clock  ports.Clock
	Random io.Reader // makes member ids; safe for concurrent use
	Logger *slog.Logger
}

// eventsPerPeriod is how many lines the events of groups may be per limitedlog.Period.
const eventsPerPeriod = 100

// Coordinator coordinates the consumer groups whose partitions of __consumer_offsets this broker leads. Its methods
// answer while Run runs, and may be called concurrently.
type Coordinator struct {
	deps   Dependencies
	groups *coordinator.Runtime[*classic.Group, group.Record]
	events *limitedlog.Log // what clients cause
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

// Run works for the groups until ctx ends: it loads them, watches over time-outs, and removes offsets that have
// expired and those of deleted topics. Once it has returned, every waiting request has been answered and all
// goroutines have ended. It runs once.
func (c *Coordinator) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { c.forgetTopics(ctx) })
	work.Go(func() { c.sweepPeriodically(ctx) })
	err := c.groups.Run(ctx)
	work.Wait()
	return err
}

// Find returns the id of the broker that coordinates the group, and creates __consumer_offsets if it is missing. The
// error is fault.CoordinatorNotAvailable when there is no such broker now.
func (c *Coordinator) Find(ctx context.Context, groupID string) (brokerID int32, err error) {
	return c.groups.Find(ctx, groupID)
}

// settings returns the configs that rule groups as they are now.
func (c *Coordinator) settings() classic.Settings {
	return classic.Settings{
		InitialRebalanceDelay: c.millis("group.initial.rebalance.delay.ms"),
		MaxSize:               int(c.deps.Configs.Int("group.max.size")),
	}
}

// millis returns a config that is a number of milliseconds.
func (c *Coordinator) millis(key string) time.Duration {
	return time.Duration(c.deps.Configs.Int(key)) * time.Millisecond
}
