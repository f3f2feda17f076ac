// Package replicas holds the partitions of which this broker has a replica, and the services over them: Produce, Fetch
// with its sessions (KIP-227), Offsets (listing and deleting records), Replication between brokers, and the Cleaner
// (retention and compaction). Space decides what may be appended while the disk fills up.
//
// # Idea
//
// A Partition ties three things together. It decides itself only what producers are told of gaps in their sequences and
// of a full disk:
//
//   - partition.Replica, a pure state machine, knows the replica's role, the high watermark and the ISR.
//   - partition.State holds what follows from the records: the producers, and the leader epochs until the replica takes
//     them when the log is opened.
//   - ports.Log stores the records.
//
// Every event is one step of the replica: an append, a follower's fetch, a change of the metadata, records that became
// durable, a tick of the clock. The step returns Effects: answers that are due at once, and work that waits for a disk
// or for another broker. Replication does that work.
//
// Partitions is the registry. It follows the metadata: a partition with other replicas is opened at once, one without
// is opened on first use, and the logs of deleted topics are removed. Work that may block on a disk is a task of the
// upkeep, so that a slow log does not delay the others.
//
// # A record in
//
// Produce validates a batch without holding a lock (admit), assigns it an offset in its partition (append), and
// returns. The log reports when the batch is durable, the replica when it is committed. The producer is answered at
// the one or the other, depending on its acks, on the goroutine that reports it.
//
// # A record out
//
// Fetch takes a snapshot of each wanted partition (view) and answers from it. If there are fewer than MinBytes, it
// waits until one of the partitions has more.
//
// # Invariants
//
//   - Consumers read nothing above the high watermark, followers nothing above the durable end.
//   - The bytes of an append belong to the log until it reports that they are durable or released. The producer is
//     answered only then, even when the partition has failed or was deleted: the answer frees the request's buffer,
//     which is then reused for other requests.
//   - All numbers in one answer about a partition were true at the same moment.
//   - This broker creates no gaps in the offsets: a batch's offsets are reserved before the batch is given to the log.
//   - Metadata applies to this process only if the same image contains its own registration. Otherwise it is meant for
//     an earlier process with the same broker id.
//   - A Partition that has ended stays ended. The partition is opened again as a new Partition.
//
// # Locks
//
// In the order in which one goroutine takes them. Only while it holds the first two may a goroutine wait for a log or
// for another broker. Partition.order and Space.mu are held while a disk that is nearly full is measured and the
// reserve gives some of it back:
//
//	fetchSession.mu              one fetch of a session
//	place.mu                     opening and deleting one partition's log
//	topicPartitions.mu           a topic's open partitions and their configs
//	Partition.order              the order of appends, and the partition's state; while a log is truncated or reset it
//	                             is released, and Partition.cutting protects the same fields
//	Replication.mu, fetcher.mu   what has to be proposed and fetched
//	Partition.tail               the replica, and the queues of requests that wait for it
//
// Partitions.mu, upkeep.mu, fetchSessions.mu and Space.mu are the last; no other lock is taken while holding them,
// except the fetchSession.mu of a session that no other goroutine knows yet.
package replicas
