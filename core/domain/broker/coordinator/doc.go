// Package coordinator is what every coordinator of Kafka has in common. Consumer groups use it; transactions, share
// groups and streams groups are to use it in the same way.
//
// # The idea
//
// A coordinator keeps a state under each key: a group under its id, a transaction under its transactional id. What
// has to survive is in the records of an internal, compacted topic. PartitionFor maps a key to a partition of that
// topic, and the leader of the partition coordinates the key. So a coordinator needs no election and no replication
// of its own: fail-over is reading a partition, and a broker that is alone does the same as one of many.
//
// A Runtime serves one topic. A partition that this broker leads is a shard: the states of its keys, a lock over
// them, and the writes that are ordered in the log but not durable yet. The Runtime loads shards, orders writes,
// answers them when they are durable, wakes states at their deadlines, accounts for their memory and gives up what
// this broker does not coordinate any more. What a state means, only its user knows.
//
// # What a user provides
//
// A Machine tells the Runtime how to read a record, how a record changes a state, and what a state does when it has
// been loaded, when its deadline has come and when it is given up. A State says when it wants to be woken, how much
// memory it takes, and whether it has ended. The user's requests go through Step (change a state), View (look at it),
// Update (write something and wait for it) and Each (all states of a partition). Whatever takes long, such as sending
// transaction markers to other brokers, is done outside: remember Entry.LeaderEpoch, do it, and Step again.
//
// # The life of a write
//
//  1. Step takes the shard's lock, having made sure that the shard is loaded in the leader epoch in which this broker
//     leads the partition now. The state decides on its records. It is not changed yet.
//  2. Entry.Write has the log order the records behind its end, in the shard's leader epoch. If the log refuses them,
//     nothing has happened: the error is returned at once.
//  3. Otherwise the write joins the shard's queue and the lock is released. A state that shows what is not durable yet
//     changes now, and answers those who have seen it after a Barrier; another waits for Written.
//  4. One goroutine per shard waits for the head of the queue. When it is durable on every in-sync replica, Written is
//     called under the lock, in the order of the log, and then whoever waits in Update is answered.
//  5. If a write is lost, nobody knows what of it and of those behind it the log holds. The shard is given up and loaded
//     again, and the log decides. Those who wait are told to look for their coordinator.
//
// # Invariants
//
//   - What was acknowledged is in the log, durable on every in-sync replica. What is loaded is what the log says.
//   - A shard is used only in the leader epoch in which it was loaded, and the log takes writes of that epoch only. Of
//     two brokers that think they coordinate a key, one cannot write.
//   - Each request asks the log for the leader epoch, the cheap way to respect the leader's lease: when that has ended,
//     another broker may have been elected, and reading here would show what is out of date.
//   - Writes of a shard take effect in the order of the log, live as when loading.
//   - A request that waits is always answered: by the write's end, by the loss of leadership, by Run's end, or by its
//     own time-out. A write that was given up by its waiter still takes effect.
//   - The topic may be deleted and created again, with fewer partitions. Shards belong to a topic id, not to a name.
//
// # Transactions in the topic
//
// Committed offsets may be part of a producer's transaction. Their records are written with its producer id and count
// only when the marker of a COMMIT follows in the same partition. Machine.Apply is told the producer of such records,
// and Machine.EndTxn the marker, both when loading and live, in the order of the log. Runtime.EndTxn writes the
// marker: what hears WriteTxnMarkers for a partition of the topic calls it instead of writing to the log itself.
//
// # Locks
//
// Runtime.mu guards the map of shards only and is never held while another is taken. Each shard has its lock, which
// every function of a Machine is called under; the lock of the alarms is taken within it. No lock is held while
// something is read or becomes durable.
package coordinator
