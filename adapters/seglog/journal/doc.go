// Package journal makes appends to many logs durable with few syncs. It is the node's one write-ahead log: what the
// logs have to write goes into a recycled, pre-written file, with one fdatasync for all that wait, and into each log's
// own files without a sync. These are synced later, in the background, before the journal's space is used again.
//
// # A commit
//
// One goroutine commits (commit.go). It gathers what all logs have submitted while the last sync was running, so that a
// lone append is synced at once and many share one sync:
//
//  1. Take returns the chunk of each log that has submitted one. The chunks of one sync are a group, which has a
//     number.
//  2. The group is encoded as entries (entry.go) and goes to a place behind the last group of the current file
//     (files.go). A second goroutine, the writer, writes and syncs it. Meanwhile the committer has the logs write their
//     own files.
//  3. When both are done, Done is called for each log.
//
// A group that is nearly all one log's large chunk goes around the journal: the log's own file is synced instead, and
// the bytes are written once. A Volatile chunk is not journaled at all.
//
// # Files
//
// A file is current, full, free, or carried (file.go has the format). When few files are free, a third goroutine has
// the logs sync what they have in the full ones, and marks these as free (checkpoint.go): their space is used again,
// without a change of the file's size or name, so that a sync has data to write and no metadata. Each use of a file has
// a random key, which its entries bear: entries of an earlier use are not taken for new ones.
//
// A log that cannot sync, or at a start cannot take its entries, must not keep the space of all others: its entries are
// copied to a file of their own (carry.go), which stays until the log has taken them.
//
// # Replay
//
// Open replays the files that are in use, in the order of their use (replay.go), and frees them. Groups have
// consecutive numbers, and a group is begun when the one before is synced. From this follows what damage means:
//
//   - In the newest group of all it is a torn write. It was never acknowledged, and ends the replay.
//   - In the payload of an entry before that it concerns one log, which gets the entry as Damaged.
//   - In a header before that, or with a group missing, it is not known which logs have lost records: ErrDamaged.
//
// # Invariants
//
//   - No entry is freed before the log it belongs to has synced its own files, or taken it, or was deleted.
//   - A failed sync is never repeated: what the kernel has dropped looks clean to the next one. The journal fails for
//     good. What fails for want of space or descriptors is repeated, and all commits wait.
//   - The bytes of a chunk do not change from Take to Done. With the build tag invariants they are read back and
//     compared.
//
// # Locks
//
// Journal.mu guards the queue, files.mu which file is in which state; neither is taken under the other, and neither is
// held while a disk is waited for. Logs are called without either. What the committer alone uses is marked in the
// structs.
package journal
