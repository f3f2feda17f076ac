// Package groups is the coordinator of consumer groups. It answers the requests of clients with the state machines of
// core/domain/group, which it keeps on the shards of package coordinator.
//
// # Idea
//
// Each group belongs to one partition of the internal topic __consumer_offsets, by a hash of its id, and the broker
// that leads the partition coordinates the group. The group's state is what follows from the records in that partition.
// coordinator.Runtime loads it, orders its writes, applies its deadlines, bounds its memory and handles fail-over. This
// package adds what is special about groups:
//
//   - A request is one step of the group's state machine (classic.Group), under the lock of its shard. The step returns
//     Effects, which perform carries out: answers of JoinGroup and SyncGroup that have waited, log events, and writes.
//   - A write is a set of records together with what the group does when they are durable. The group is told through
//     Written, also when the log refuses them.
//   - Committed offsets of deleted topics, and expired offsets (KIP-211), are removed in the background.
//
// # Invariants
//
//   - A change is acknowledged only after its records are durable on every in-sync replica. So after a fail-over the
//     next coordinator has everything that was acknowledged.
//   - A commit becomes visible to OffsetFetch when it is durable, in the order of the log.
//   - An offset belongs to a topic id. A topic that was created again under the same name has no offsets of the old
//     one.
//   - A request that waits is answered in any case: at the end of the rebalance, when the broker does not lead the
//     partition any more, or when Run ends.
//   - Groups, members and offsets count against one memory budget. When it is used up, what exists goes on, and
//     requests that need more get a retriable error.
//
// # Files
//
//   - groups.go: the Coordinator and its dependencies
//   - members.go: joining, syncing, heartbeats, leaving
//   - offsets.go: committing, fetching and deleting offsets
//   - cleaning.go: offsets that have expired, or whose topics were deleted
//   - admin.go: describing, listing and deleting groups
//   - machine.go: the coordinator.Machine of groups
//
// The package takes no locks of its own: all state is on the shards.
package groups
