// Package coordinator is what every coordinator of Kafka has in common. Consumer groups use it; it is made for
// transactions, share groups and streams groups as well.
//
// # The idea
//
// A coordinator keeps a state under each key: a group under its id, a transaction under its transactional id. Whatever
// has to survive is in the records of an internal, compacted topic. PartitionFor maps a key to a partition of that
// topic, and the leader of the partition coordinates the key. So a coordinator needs no election and no replication of
// its own: fail-over means to read a partition, and a standalone broker does the same as one in a cluster.
//
// A Runtime serves one topic. A partition that this broker leads is a shard: the states of its keys, a lock over them,
// and a queue of writes that are in the log but not durable yet. The Runtime loads shards, appends writes, answers them
// when they are durable, wakes states at their deadlines, accounts for their memory, and unloads shards that this
// broker does not lead any more. It does not know what a state means; that is the business of the Machine.
//
// # What a user provides
//
// A Machine tells the Runtime how to decode a record, how a record changes a state, and what to do with a state when it
// was loaded, when its deadline has come and when its shard is unloaded. A State says when it wants to be woken, how
// much memory it takes, and whether it has ended. The user's requests go through Step (change a state), View (read it),
// Update (write records and wait until they are durable) and Each (all states of a partition). Work that takes long,
// such as sending transaction markers to other brokers, is done outside of them: remember Entry.LeaderEpoch, do the
// work, and call Step again.
//
// # The life of a write
//
//  1. Step loads the shard, if that has not happened in the present leader epoch, and takes its lock. The state decides
//     which records to write. It is not changed yet.
//  2. Entry.Write appends the records to the log, in the shard's leader epoch. If the log refuses them, nothing has
//     happened and the error is returned at once.
//  3. Otherwise the write joins the shard's queue and the lock is released. A state may apply its records now; requests
//     that read it are then answered after a Barrier. Or it waits for Written.
//  4. One goroutine per shard waits for the head of the queue. When it is durable on every in-sync replica, Written is
//     called under the lock, in the order of the log, and then the caller of Update is answered.
//  5. If a write fails, it is unknown which of its records, and of later writes, the log holds. The shard is unloaded
//     and loaded again, and the log decides. Waiting requests get fault.NotCoordinator and are retried.
//
// # Invariants
//
//   - What was acknowledged is in the log, durable on every in-sync replica. A loaded state is exactly what follows
//     from the log.
//   - A shard is used only in the leader epoch in which it was loaded, and the log accepts writes of that epoch only.
//     Of two brokers that both believe to coordinate a key, only one can write.
//   - Each request asks the log for the leader epoch. This is a cheap check of the leader's lease: after its end
//     another broker may have been elected, and a read here would be stale.
//   - The writes of a shard take effect in the order of the log, both live and when loading.
//   - A waiting request is always answered: by the end of its write, the loss of leadership, the end of Run, or its own
//     time-out. A write whose request has timed out still takes effect.
//   - The topic may be deleted and created again, with fewer partitions. Shards belong to a topic id, not to a name.
//
// # Transactions in the topic
//
// Committed offsets may be part of a producer's transaction. Their records are written with its producer id and count
// only when a COMMIT marker follows in the same partition. Machine.Apply gets the producer of such records when they
// are loaded; live, the state itself has passed it to Entry.Write. Machine.EndTxn is called for the marker, both when
// loading and live, in the order of the log. Runtime.EndTxn writes the marker: the handler of WriteTxnMarkers has to
// call it for partitions of the topic, instead of appending to the log itself.
//
// # Locks
//
// Runtime.mu guards only the map of shards; no other lock is taken while it is held. Each shard has a lock, which is
// held during the functions of a Machine, but not while a partition is loaded: only the goroutine that loads it knows
// the states then. The lock of the alarms is taken while a shard's lock is held. No lock is held
// while waiting for a read or for durability.
package coordinator
