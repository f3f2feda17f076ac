package ports

import (
	"context"
	"io"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// LogID names the log of one partition.
type LogID struct {
	Topic     string
	TopicID   metadata.TopicID
	Partition int32
}

// LogConfig is what a topic's configs ask of its logs, in Kafka's units. A negative or maximal
// value means "no limit", as in Kafka's documentation of the config of the same name.
type LogConfig struct {
	Compact, Delete      bool          // cleanup.policy
	SegmentBytes         int64         // segment.bytes
	SegmentAge           time.Duration // segment.ms
	SegmentJitter        time.Duration // segment.jitter.ms
	IndexIntervalBytes   int64         // index.interval.bytes
	IndexBytes           int64         // segment.index.bytes
	RetentionAge         time.Duration // retention.ms, <0: unlimited
	RetentionBytes       int64         // retention.bytes, <0: unlimited
	FileDeleteDelay      time.Duration // file.delete.delay.ms
	DeleteRetention      time.Duration // delete.retention.ms
	MinCompactionLag     time.Duration // min.compaction.lag.ms
	MaxCompactionLag     time.Duration // max.compaction.lag.ms
	MinCleanableRatio    float64       // min.cleanable.dirty.ratio
	FlushMessages        int64         // flush.messages
	FlushAge             time.Duration // flush.ms, 0: at once
	Flush                FlushPolicy   // when an append counts as durable
	ProducerIDExpiration time.Duration // producer.id.expiration.ms
}

// FlushPolicy says what an append waits for before it counts as durable.
type FlushPolicy uint8

// The flush policies.
const (
	FlushSync     FlushPolicy = iota // the sync that covers it
	FlushInterval                    // nothing; what is written is synced at an interval
	FlushOS                          // nothing; the operating system syncs when it likes (Kafka's default)
)

// LogStore keeps the logs of the partitions that this node holds. Its methods may be called
// concurrently.
type LogStore interface {
	// Open opens the partition's log, and creates it when it is missing. A log is open at most
	// once. cfg may be shared by many logs and is not changed any more. state, which is empty, is made what the records
	// have brought about, with the leader epochs to be taken from it; the log goes on to bring batches into it, and
	// reads it once more when the store is closed. events is told of what happens to the log from then on; the log's
	// offsets are set when Open returns.
	Open(ctx context.Context, id LogID, cfg *LogConfig, state *partition.State, events LogEvents) (Log, error)
	// Delete takes the log away at once and frees its disk space after cfg.FileDeleteDelay or at
	// the next start. The log's methods fail with fault.KafkaStorageError from then on; a compaction ends early, and
	// LogEvents.Released says when it needs no bytes any more. Deleting a log that does not exist does nothing.
	Delete(ctx context.Context, id LogID) error
	// SetAside takes a log that is not open away, and keeps its files under a name that it returns: they are nobody's from then on, as Kafka's
	// directories that end in -stray. "" stands for a log that does not exist.
	SetAside(ctx context.Context, id LogID) (name string, err error)
	// Stored returns the logs that are on disk, open or not. One with records of which nothing says whose they are has the zero topic id;
	// it cannot be opened or deleted.
	Stored() ([]LogID, error)
	// Dir describes the directory that holds the logs, for DescribeLogDirs.
	Dir() (LogDir, error)
	// Err returns why no log can make anything durable any more, nil while they can. Only a restart helps.
	Err() error
	// Close flushes everything and closes every log. A second Close does nothing.
	Close() error
}

// LogUsage is one log's size in bytes.
type LogUsage struct {
	Topic     string
	Partition int32
	Size      int64
}

// LogDir is a directory of logs; sizes are in bytes, -1 where they are not known.
type LogDir struct {
	Path          string
	Total, Usable int64
}

// LogEvents receives what happens to one log. The methods are called from the store's own
// goroutines, one at a time for one log, and must return at once.
type LogEvents interface {
	// Durable says that everything below offset end is as durable as the log's flush policy asks,
	// and can be read.
	Durable(end int64)
	// Offline says that the log has failed and accepts nothing any more; what was appended
	// and not yet reported durable may or may not be on disk. The log may still need the bytes of that. What was
	// reported durable can still be read, as far as the disk has it.
	Offline(err error)
	// Released says that the log needs no bytes any more of what was appended and not reported durable, which it never will be. It comes once,
	// as the last event, behind Offline or LogStore.Delete: perhaps long after these, when a disk is slow.
	Released()
	// Start says that the log start offset has risen to start, or that Log.ResetTo has set it.
	Start(start int64)
}

// Log is the records of one partition on this node. Append, Truncate and ResetTo are called by one goroutine at a time
// (the partition's lock serializes them), and only they change the state that the log was opened with; nobody else
// touches that meanwhile. The other methods may be called at any time. Offsets and leader epochs are Kafka's.
type Log interface {
	CleanedLog
	// Append orders the batches behind the log's end and returns without waiting for any disk.
	// Their base offsets and leader epochs are set by the caller and continue the log's end without
	// decreasing. The bytes of batches belong to the log until LogEvents.Durable passes
	// them or Released is called, whatever else happens to the log (Offline, Delete), and must not change. After an error they are the
	// caller's again. Append brings them into the log's state. epochs is the history of leader epochs with those of the
	// batches, to be stored with them; nil when none of them begins an epoch. The error is fault.KafkaStorageError when
	// the log is offline.
	Append(batches []record.Batch, epochs []partition.EpochStart, now time.Time) error
	// Read returns the batches from the one that holds offset from on, whole batches that all lie
	// below upTo, and at most maxBytes of them, except that the first is always returned
	// (KIP-74). It is an empty slice when from is upTo or above, and fault.OffsetOutOfRange
	// when from is below the log start offset or above the durable end.
	Read(from, upTo int64, maxBytes int) (Slice, error)
	// StartOffset is the log start offset: what is below was deleted.
	StartOffset() int64
	// EndOffset is the offset that the next record gets.
	EndOffset() int64
	// DurableEnd is the end of what LogEvents.Durable has announced, or that Open has found.
	DurableEnd() int64
	// AdvanceStart raises the log start offset durably (DeleteRecords). A lower one does nothing;
	// one above the durable end is fault.OffsetOutOfRange.
	AdvanceStart(ctx context.Context, start int64) error
	// OffsetForTimestamp returns the first record whose timestamp is ms or later, among those below upTo.
	// ok is false when there is none.
	OffsetForTimestamp(ms, upTo int64) (at TimestampOffset, ok bool, err error)
	// MaxTimestamp returns the first record with the largest timestamp, among those below upTo. ok is
	// false when the log is empty.
	MaxTimestamp(upTo int64) (at TimestampOffset, ok bool, err error)
	// Truncate removes everything from offset to on, durably, with the leader epochs that begin there, and makes the log's
	// state again as it was at the new end. The log then ends at to, also where
	// what lay directly below was compacted away, and over restarts. A batch that to lies within goes as a whole: the log ends where
	// it began, so that a follower fetches the rest again. After an error the log is either offline (fault.KafkaStorageError) or as it
	// was: when ctx ended while it waited, and when to is below the log start offset, which may have risen since the caller looked
	// (fault.OffsetOutOfRange).
	Truncate(ctx context.Context, to int64) error
	// ResetTo removes all records and has the log begin anew, empty, at offset start, which may be above its end or below its
	// start: Kafka's truncateFullyAndStartAt, for a follower whose log end lies below its leader's log start. When it returns nil,
	// the log starts and ends at start, durably, without leader epochs, and its state is empty. A crash before that leaves the log as it was or
	// as it is to be; after an error the log is offline until the next start. It waits until what was appended is durable.
	ResetTo(ctx context.Context, start int64) error
	// Configure takes a new config into use for what follows. It stays shared, like the one that the log was opened with.
	Configure(cfg *LogConfig)
	// Size returns the bytes that the log's records take on disk.
	Size() int64
}

// CleanedLog is what removes records from a log that nobody needs any more. Its methods may be called at any time. They leave a log as it is that is
// being cut or begun anew for long.
type CleanedLog interface {
	// Retain deletes whole segments at the log's beginning, as far as retention.ms, retention.bytes and the log start offset ask for it. now is
	// the wall clock, by which records without timestamp expire as their file ages. upTo is asked for the high watermark when nothing
	// else changes the log any more: as in Kafka, what lies there or above stays, however old it is.
	Retain(ctx context.Context, now time.Time, upTo func() int64) error
	// Compact removes the records of a log whose cleanup.policy is compact that newer ones with the same key have replaced. upTo is asked as in
	// Retain, for the last stable offset: records there or above are not touched and replace nothing, since they may be cut off
	// again. It may take long: it keeps nothing else waiting, and ends without an error when the log is truncated, begun anew,
	// deleted or closed. A batch that cannot be read, fault.CorruptMessage, keeps the log from being compacted until its segment is
	// gone. One call at a time does something.
	Compact(ctx context.Context, now time.Time, upTo func() int64) error
}

// TimestampOffset is a record found by its timestamp (milliseconds).
type TimestampOffset struct {
	Offset      int64
	Timestamp   int64
	LeaderEpoch int32
}

// Slice is a range of bytes in a log's segment file: whole record batches. The zero Slice is empty.
// While it is held, the bytes stay readable even if their segment is deleted. Release it once.
type Slice struct {
	Size   int // bytes
	from   io.ReaderAt
	offset int64 // position of the first byte
	hold   io.Closer
}

// Descriptor is what the source of a Slice may be as well: a file of the operating system, which that can send by itself.
type Descriptor interface {
	// Descriptor returns the open file's descriptor, to be read from at explicit offsets only. ok is false when there is
	// none after all.
	Descriptor() (fd uintptr, ok bool)
}

// NewSlice returns the slice of size bytes of from that begin at offset; Release closes hold, if it is not nil.
func NewSlice(from io.ReaderAt, offset int64, size int, hold io.Closer) Slice {
	return Slice{Size: size, from: from, offset: offset, hold: hold}
}

// Descriptor returns the descriptor of the file that the slice is in, and where it begins there, for as long as the slice
// is held. ok is false when it is in no file of the operating system: ReadPart reads it anyway.
func (s Slice) Descriptor() (fd uintptr, offset int64, ok bool) {
	if file, is := s.from.(Descriptor); is {
		fd, ok = file.Descriptor()
	}
	return fd, s.offset, ok
}

// ReadInto reads the slice's bytes into buf, which must be Size long.
func (s Slice) ReadInto(buf []byte) error {
	return s.ReadPart(buf, 0)
}

// ReadPart fills buf with the slice's bytes from at on. It is io.ErrUnexpectedEOF when the file is shorter than it
// was.
func (s Slice) ReadPart(buf []byte, at int64) error {
	if len(buf) == 0 {
		return nil
	}
	n, err := s.from.ReadAt(buf, s.offset+at)
	switch {
	case n == len(buf):
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

// Release lets the file go. Releasing an empty Slice does nothing.
func (s *Slice) Release() {
	if s.hold != nil {
		_ = s.hold.Close() // a read-only hold: nothing is lost when closing fails
		s.hold = nil
	}
}
