package broker

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/group"
)

// Groups is the coordinator of consumer groups. A group's state is what the records in its
// partition of __consumer_offsets say; every answered change was appended there first.
type Groups struct{}

// Coordinator returns the broker id that coordinates the group; it makes __consumer_offsets when missing.
func (g *Groups) Coordinator(ctx context.Context, groupID string) (int32, error) {
	panic("landing soon")
}

// Join answers when the rebalance that it takes part in is complete.
func (g *Groups) Join(ctx context.Context, req group.JoinRequest) group.JoinResponse {
	panic("landing soon")
}

// Sync answers when the leader's assignment is there.
func (g *Groups) Sync(ctx context.Context, req group.SyncRequest) group.SyncResponse {
	panic("landing soon")
}

// Heartbeat keeps a member alive; fault.RebalanceInProgress asks it to rejoin.
func (g *Groups) Heartbeat(ctx context.Context, req group.HeartbeatRequest) error {
	panic("landing soon")
}

// Leave removes members; the answers stand in them. The error is the group's own.
func (g *Groups) Leave(ctx context.Context, groupID string, members []group.LeaveMember) error {
	panic("landing soon")
}

// Commit makes offsets durable; the answers stand in req.Offsets. The error is the group's own, and then holds
// for every partition.
func (g *Groups) Commit(ctx context.Context, req *group.CommitRequest) error { panic("landing soon") }

// FetchOffsets returns committed offsets; partitions nil means all that the group has. memberID and
// generation are checked when memberID is not empty (KIP-447 and later). requireStable waits out open transactions.
func (g *Groups) FetchOffsets(ctx context.Context, groupID string, partitions []group.TopicPartition, requireStable bool) ([]group.FetchedOffset, error) {
	panic("landing soon")
}

// DeleteOffsets removes committed offsets of topics that the group does not consume; one answer for each partition.
func (g *Groups) DeleteOffsets(ctx context.Context, groupID string, partitions []group.TopicPartition) ([]error, error) {
	panic("landing soon")
}

// Describe returns a group's state and members. An unknown group is described as Dead, with
// fault.GroupIDNotFound as its Err.
func (g *Groups) Describe(ctx context.Context, groupID string) group.Description {
	panic("landing soon")
}

// List returns the groups; states and types filter when not empty, ignoring case.
func (g *Groups) List(ctx context.Context, states, types []string) ([]group.Listing, error) {
	panic("landing soon")
}

// Delete removes an empty group with its offsets. Errors: fault.NonEmptyGroup, GroupIDNotFound.
func (g *Groups) Delete(ctx context.Context, groupID string) error { panic("landing soon") }
