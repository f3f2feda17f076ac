// Package seglog stores records in Kafka's own segment files, behind one journal for the whole node. It implements
// ports.LogStore and ports.Log. Apache Kafka's tools read its directories.
//
// # The idea
//
// An acknowledged record must survive a loss of power, and a sync for each partition is too expensive. So all logs'
// batches go into one journal (package journal), which syncs once for all that wait. The same batches are written to
// the segments without a sync; the segments are synced before the journal's files are used again. Reads go to the
// segments only, and are sent from the page cache. A log without traffic holds no open file (package filecache) and
// about a kilobyte of memory.
//
// # Files
//
//	<dir>/journal/                          the journal
//	<dir>/recovery-point-offset-checkpoint  of all logs: below, records are synced (and a .copy)
//	<dir>/index-point-offset-checkpoint     of all logs: below, indexes are synced too
//	<dir>/log-start-offset-checkpoint       of all logs: below, records are deleted (and a .copy)
//	<dir>/cleaner-offset-checkpoint         of all logs: below, records are compacted
//	<dir>/.kafka_cleanshutdown              all logs were closed properly, or else
//	<dir>/unchecked-logs                    the logs that the next start has to check
//	<dir>/<topic>-<partition>/
//	    <base>.log .index .timeindex        a segment, named by its first offset
//	    <offset>.snapshot                   the producers' state at an offset
//	    leader-epoch-checkpoint             where each leader epoch begins
//	    partition.metadata                  the topic's id
//	    journal-floor                       older entries of the journal are from before a truncation
//	    reset                               the log is to be empty and start at an offset
//	    sync-failed                         the records above the recovery point are to be written again
//	    unapplied.batches                   entries of the journal that do not fit: the log stays offline
//
// Types follow the files: Store has the data directory, directory one log's directory and its small files, segment one
// segment's files. Log is the list of segments with the offsets that say how far each promise reaches. A segmentView
// reads a segment without a lock.
//
// # The life of a batch
//
//  1. Append (append.go) orders it behind the log's end, under Log.mu: it plans whether a new segment begins with it,
//     brings it into the partition's state, adds it to the pending chunk and submits the log to the journal.
//  2. The journal's goroutine calls Take (commit.go), writes the chunks of all waiting logs as one group, and meanwhile
//     calls Write, which writes the batches to the segments, beginning new ones where that was planned.
//  3. When the group is on disk it calls Done: the durable end rises, LogEvents.Durable is called, and readers see the
//     batch.
//  4. Some time later the journal wants to use its files again (checkpoints.go): all logs are synced and their recovery
//     points written. From here on the batch needs the journal no more. Indexes follow at every fourth time.
//
// A log with a flush policy goes the same way without the journal; flush.go syncs it in time.
//
// # Recovery
//
// Open replays the journal (replay.go, replay_log.go). A log that has entries is loaded first: its segments are checked
// from the recovery point on, and cut at the first torn batch; what the journal has behind that is appended. Below the
// recovery point nothing is ever cut: damage there takes the log offline. Store.Open then finds the log's end and
// restores the partition's state from the newest snapshot and the batches behind it (load.go, load_state.go). After a
// proper stop it only looks for the end. Each change of the files is made so that a crash leaves the old state or one
// that a start completes: truncation by the journal floor, a reset by its file, a compaction by the suffix .swap.
//
// Indexes are hints. A search compares the batch that an entry leads to with the entry, and reads the segment from its
// beginning when they differ; index_rebuild.go builds such an index again beside the readers.
//
// # Bytes
//
// The bytes of an appended batch belong to the log until Durable is called for them, or Released when the log has
// ended. They are written from the caller's buffer to the journal and to the segment, without a copy. A Slice that Read
// returns refers to an open file, which stays open until it is released, also when the segment is deleted.
//
// # Locks
//
// In the order in which one goroutine takes them. Those of the first group are held while a disk is waited for:
//
//	slot.mu             opening and deleting one log; above it stands the partition's lock that ports.Log names
//	Log.cleaning        retention, truncation, reset, deletion, putting rewritten segments and indexes in their places
//	Log.writing         writing what was taken to the segments; the committing goroutine waits for it
//	Log.syncing         syncing segments and their indexes, and cutting or replacing them
//	directory.indexing  writing new index entries
//	Store.checkpoints   writing the checkpoint files of all logs
//
//	Log.announcing      calling LogEvents
//	Store.mu            what the store knows of its logs, and the content of the checkpoint files
//	directory.mu        also called the log's lock, Log.mu: the fields of the log and its segments; it is held while
//	                    files are renamed by install and exchange, in one step with the list of segments
//	Journal.mu, the journal's files.mu, filecache.Cache.mu (held while a file is closed): no other is taken under these
//
// # Room
//
// A segment's transaction index (.txnindex) is one more file of segment, beside index and timeIndex. What belongs to a
// cleaner is compaction in compact*.go, which needs of a Log only views of its segments and swap.
package seglog
