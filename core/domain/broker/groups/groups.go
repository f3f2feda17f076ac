package groups

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// GroupLog keeps the coordinator's records in the partitions of an internal topic.
type GroupLog interface {
	// LeaderEpoch returns the leader epoch in which this broker leads the partition, and may do so now: its lease has not
	// ended. Error: fault.NotLeaderOrFollower.
	LeaderEpoch(ctx context.Context, topic string, partition int32) (int32, error)
	// Start orders b behind the end of the log of a topic's partition and returns without waiting for any disk. b belongs
	// to the log from then on. wait returns nil when b is durable, and an error when it is not known
	// to become so; it may be called from another goroutine, once, and be abandoned by ending its ctx. After an
	// error of Start itself nothing was appended: fault.NotLeaderOrFollower when leaderEpoch is not that of LeaderEpoch, or
	// the topic is no more, whatever has its name now.
	Start(ctx context.Context, topic metadata.TopicID, partition, leaderEpoch int32,
		b record.Batch) (wait func(context.Context) error, err error)
	// Read visits the partition's batches from offset from to the end, those included that were started before
	// and are still to become durable. A batch is valid until visit returns. An error of visit ends the reading.
	Read(ctx context.Context, topic string, partition int32, from int64, visit func(record.Batch) error) error
}

// GroupTopics makes the topic that groups are kept in.
type GroupTopics interface {
	EnsureInternal(ctx context.Context, name string) (*metadata.Topic, error)
}

// GroupConfigs returns this broker's effective configs by Kafka's keys.
type GroupConfigs interface {
	Int(key string) int64
}

// GroupImages shows the metadata, as ports.MetadataStore does.
type GroupImages interface {
	Image() *metadata.Image
	Watch(ctx context.Context) iter.Seq[*metadata.Image]
}

// eventsPerPeriod is how many lines the events of groups may be per limitedlog.Period.
const eventsPerPeriod = 100

// Groups is the coordinator of consumer groups. A group's state is what the records in its
// partition of __consumer_offsets say; every answered change was appended there first.
//
// Each partition that this broker leads is a shard: its groups, one lock over them, and one queue of what was appended
// and is not durable yet. The lock is never held while something becomes durable. Partitions are loaded when this
// broker begins to lead them, or is asked for them, and forgotten when it does so no more: what a shard knows counts
// for the leader epoch in which it was loaded.
type Groups struct {
	log     GroupLog
	topics  GroupTopics
	configs GroupConfigs
	images  GroupImages
	nodeID  int32
	clock   ports.Clock
	random  io.Reader
	logger  *slog.Logger
	events  *limitedlog.Log // what clients cause

	memory     *groupMemory
	alarms     *groupAlarms
	background chan func(context.Context) // what Run is to do in goroutines of its own
	stopped    chan struct{}              // closed when Run ends

	mu     sync.Mutex
	shards map[int32]*groupShard
}

// NewGroups returns the coordinator. All arguments are required; random makes member ids, and has to be safe for
// concurrent use. Groups, their members and committed offsets take at most memory bytes: who wants to join beyond
// that, or to commit to more partitions, waits and tries again. The methods answer while Run runs.
func NewGroups(
	log GroupLog, topics GroupTopics, configs GroupConfigs, images GroupImages, nodeID int32, memory int64, clock ports.Clock,
	random io.Reader, logger *slog.Logger,
) *Groups {
	return &Groups{
		log: log, topics: topics, configs: configs, images: images, nodeID: nodeID, clock: clock, random: random,
		logger: logger, events: limitedlog.New(logger, eventsPerPeriod),
		memory: &groupMemory{limit: memory}, alarms: newGroupAlarms(clock), background: make(chan func(context.Context)),
		stopped: make(chan struct{}), shards: map[int32]*groupShard{},
	}
}

// Run works for the groups until ctx ends: it loads them, watches over time-outs, and removes offsets that have
// expired and those of deleted topics. Once it has returned, every waiting request has been answered and all
// goroutines have ended. It runs once.
func (g *Groups) Run(ctx context.Context) error {
	var work sync.WaitGroup
	work.Go(func() { g.alarms.run(ctx, g.expire) })
	work.Go(func() { g.follow(ctx) })
	work.Go(func() { g.forgetTopics(ctx) })
	work.Go(func() { g.sweepPeriodically(ctx) })
	for {
		select {
		case f := <-g.background:
			work.Go(func() { f(ctx) })
		case <-ctx.Done():
			close(g.stopped)
			for _, s := range g.known() {
				s.close()
			}
			work.Wait()
			return nil
		}
	}
}

// CatchUp does at once what is due by the clock: time-outs of members and of rebalances, and offsets that have expired.
// It is for a clock that is moved: Run waits in the machine's time.
func (g *Groups) CatchUp(ctx context.Context) error {
	g.alarms.catchUp(ctx, g.expire)
	return g.Sweep(ctx)
}

// start has Run do f in a goroutine of its own. It reports false when Run has ended.
func (g *Groups) start(f func(context.Context)) bool {
	select {
	case <-g.stopped:
		return false
	case g.background <- f:
		return true
	}
}

// Coordinator returns the broker id that coordinates the group; it makes __consumer_offsets when missing. The error is
// fault.CoordinatorNotAvailable when there is none now, or the topic cannot be made: clients wait until it can, be it
// that brokers of a cluster are still starting, and the operator is told why.
func (g *Groups) Coordinator(ctx context.Context, groupID string) (int32, error) {
	topic, err := g.topics.EnsureInternal(ctx, metadata.OffsetsTopic)
	if err != nil {
		if ctx.Err() == nil {
			g.events.Warn(ctx, "groups have no coordinator: their topic cannot be created", "topic", metadata.OffsetsTopic,
				"err", err)
		}
		return -1, fault.New(fault.CoordinatorNotAvailable, "create %s: %w", metadata.OffsetsTopic, err)
	}
	leader := topic.Partitions[group.PartitionFor(groupID, int32(len(topic.Partitions)))].Leader
	if leader < 0 {
		return -1, fault.CoordinatorNotAvailable
	}
	return leader, nil
}

// Join answers when the rebalance that it takes part in is complete, or when ctx ends.
func (g *Groups) Join(ctx context.Context, req group.JoinRequest) group.JoinResponse {
	refuse := func(err error) group.JoinResponse {
		return group.JoinResponse{Generation: -1, MemberID: req.MemberID, Err: err}
	}
	if req.Group == "" {
		return refuse(fault.InvalidGroupID)
	}
	if ms := req.SessionTimeout.Milliseconds(); ms < g.configs.Int("group.min.session.timeout.ms") ||
		ms > g.configs.Int("group.max.session.timeout.ms") {
		return refuse(fault.InvalidSessionTimeout)
	}
	unique, err := g.uuid()
	if err != nil {
		return refuse(err)
	}
	s, err := g.shardOf(ctx, req.Group)
	if err != nil {
		return refuse(err)
	}
	answer := make(chan group.JoinResponse, 1)
	found, err := s.step(req.Group, req.MemberID == "", func(e *heldGroup) {
		if !g.memory.allows(e.Growth(&req)) {
			answer <- refuse(fault.New(fault.CoordinatorLoadInProgress, "the coordinator has no memory for another member of group %q", req.Group))
			return
		}
		s.perform(ctx, e, e.Join(g.clock(), g.settings(), &req, unique, answer))
	})
	switch {
	case err != nil:
		return refuse(err)
	case !found:
		return refuse(fault.UnknownMemberID)
	}
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
		return refuse(fault.New(fault.NotCoordinator, "join of group %q ended: %w", req.Group, ctx.Err()))
	}
}

// Sync answers when the leader's assignment is there, or when ctx ends.
func (g *Groups) Sync(ctx context.Context, req group.SyncRequest) group.SyncResponse {
	if req.Group == "" {
		return group.SyncResponse{Err: fault.InvalidGroupID}
	}
	answer := make(chan group.SyncResponse, 1)
	s, err := g.shardOf(ctx, req.Group)
	if err != nil {
		return group.SyncResponse{Err: err}
	}
	found, err := s.step(req.Group, false, func(e *heldGroup) {
		if !g.memory.allows(assigned(&req)) {
			answer <- group.SyncResponse{Err: fault.New(fault.CoordinatorNotAvailable, "the coordinator has no memory for the assignments of group %q", req.Group)}
			return
		}
		s.perform(ctx, e, e.Sync(g.clock(), &req, answer))
	})
	switch {
	case err != nil:
		return group.SyncResponse{Err: err}
	case !found:
		return group.SyncResponse{Err: fault.UnknownMemberID}
	}
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
		return group.SyncResponse{Err: fault.New(fault.NotCoordinator, "sync of group %q ended: %w", req.Group, ctx.Err())}
	}
}

// Heartbeat keeps a member alive; fault.RebalanceInProgress asks it to rejoin.
func (g *Groups) Heartbeat(ctx context.Context, req group.HeartbeatRequest) error {
	if req.Group == "" {
		return fault.InvalidGroupID
	}
	s, err := g.shardOf(ctx, req.Group)
	if fault.KindOf(err) == fault.CoordinatorLoadInProgress {
		return nil // its session begins anew when the group is loaded
	}
	if err != nil {
		return err
	}
	found, stepErr := s.step(req.Group, false, func(e *heldGroup) { err = e.Heartbeat(g.clock(), &req) })
	switch {
	case stepErr != nil:
		return stepErr
	case !found:
		return fault.UnknownMemberID
	}
	return err
}

// Leave removes members; the answers stand in them. The error is the group's own.
func (g *Groups) Leave(ctx context.Context, groupID string, members []group.LeaveMember) error {
	if groupID == "" {
		return fault.InvalidGroupID
	}
	s, err := g.shardOf(ctx, groupID)
	if err != nil {
		return err
	}
	found, stepErr := s.step(groupID, false, func(e *heldGroup) {
		var fx group.Effects
		fx, err = e.Leave(g.clock(), members)
		s.perform(ctx, e, fx)
	})
	if stepErr != nil {
		return stepErr
	}
	if !found {
		for i := range members {
			members[i].Err = fault.UnknownMemberID
		}
	}
	return err
}

// Describe returns a group's state and members. An unknown group is described as Dead, with
// fault.GroupIDNotFound as its Err.
func (g *Groups) Describe(ctx context.Context, groupID string) group.Description {
	s, err := g.shardOf(ctx, groupID)
	if err != nil {
		return group.Description{Group: groupID, Err: err}
	}
	var d group.Description
	found, err := s.step(groupID, false, func(e *heldGroup) { d = e.Describe() })
	switch {
	case err != nil:
		return group.Description{Group: groupID, Err: err}
	case !found:
		return group.Description{
			Group: groupID, State: group.Dead.String(), Err: fault.New(fault.GroupIDNotFound, "Group %s not found.", groupID),
		}
	}
	return d
}

// List returns the groups; states and types filter when not empty, ignoring case.
func (g *Groups) List(ctx context.Context, states, types []string) ([]group.Listing, error) {
	shards, err := g.all(ctx)
	if err != nil {
		return nil, err
	}
	wanted := func(filter []string, value string) bool {
		return len(filter) == 0 || slices.ContainsFunc(filter, func(f string) bool { return strings.EqualFold(f, value) })
	}
	var out []group.Listing
	for _, s := range shards {
		err := s.each(func(e *heldGroup) {
			if l := e.Listing(); e.State() != group.Dead && wanted(states, l.State) && wanted(types, l.Type) {
				out = append(out, l)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b group.Listing) int { return strings.Compare(a.Group, b.Group) })
	return out, nil
}

// Delete removes an empty group with its offsets. Errors: fault.NonEmptyGroup, GroupIDNotFound.
func (g *Groups) Delete(ctx context.Context, groupID string) error {
	return g.write(ctx, groupID, func(e *heldGroup) (group.Write, error) { return e.Delete() })
}

// settings returns the configs that rule groups as they are now.
func (g *Groups) settings() group.Settings {
	return group.Settings{
		InitialRebalanceDelay: time.Duration(g.configs.Int("group.initial.rebalance.delay.ms")) * time.Millisecond,
		MaxSize:               int(g.configs.Int("group.max.size")),
	}
}
