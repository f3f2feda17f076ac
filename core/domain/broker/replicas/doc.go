// Package replicas has the partitions of which this broker holds a replica, and the services over them: Produce, Fetch
// and its sessions, Offsets (listing and deleting records), Replication, and the Cleaner. Space says what may be
// appended as the disk fills up.
//
// # Idea
//
// A Partition ties three things together and decides nothing itself: partition.Replica, a pure step function, says what
// role the replica has, what is committed and who is in sync; partition.State, what its records have brought about;
// and a ports.Log holds the records. An event (an append, a follower's fetch, a view of the metadata, something that has
// become durable, time) is one step of the replica. Its Effects say what follows: answers that are due at once, and
// work that waits for a disk or for another broker, which Replication does.
//
// Partitions is the registry. It follows the metadata: a partition without other replicas is opened when it is first
// asked for, the others at once; logs of deleted topics are removed. What may take as long as a disk likes is a task
// of the upkeep, so that one log keeps no other waiting.
//
// # A record in
//
// Produce checks a batch without a lock (admit), orders it in its partition (append), and returns. The log tells the
// partition when it is durable, the replica when it is committed; with either, whoever waits for that is answered,
// on the goroutine that has brought the news.
//
// # A record out
//
// Fetch takes a view of each wanted partition, one moment of it, and answers by that; see view. Where there is too
// little to answer with, it waits on the partitions until one of them has more.
//
// # Invariants
//
//   - Nothing above the high watermark is shown to consumers, nothing above the durable end to followers.
//   - The bytes of an append belong to the log until it says that they are durable or released. Only then is the producer
//     answered, whatever has become of the partition: its frame is used for other requests from then on.
//   - The numbers of one answer about a partition were true together.
//   - Offsets have no gaps that this broker has made, and a batch's place is reserved before the log has the batch.
//   - What metadata says counts for this process only if it was registered in the same image.
//   - A partition that has ended, for whatever reason, stays ended. It is opened as another Partition.
//
// # Locks
//
// In the order in which one goroutine takes them. Only under the first two is a log or another broker waited for:
//
//	fetchSession.mu              one fetch of a session
//	place.mu                     opening and deleting one partition's log
//	topicPartitions.mu           a topic's open partitions and their configs
//	Partition.order              the sequence of appends, and the partition's state; while a log is cut, Partition.cutting
//	                             stands for it
//	Replication.mu, fetcher.mu   what is to be proposed and fetched
//	Partition.tail               the replica, and the queues of those who wait for it
//
// Partitions.mu, upkeep.mu, fetchSessions.mu and Space.mu are held for a moment, and none of the others is taken under them.
package replicas
