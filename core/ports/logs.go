package ports

import (
	"context"
	"errors"
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

// LogConfig holds the configs of a topic's logs. A negative or maximal value means "no limit", as in Kafka's
// documentation of the config with the same name.
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

// FlushPolicy defines what an append waits for before it counts as durable.
type FlushPolicy uint8

// The flush policies.
const (
	FlushSync     FlushPolicy = iota // for the sync that covers it
	FlushInterval                    // for nothing; written records are synced at an interval
	FlushOS                          // for nothing; the operating system decides when to sync (Kafka's default)
)

// LogStore keeps the logs of the partitions on this node. Its methods may be called concurrently.
type LogStore interface {
	// Open opens the partition's log, and creates it if it is missing. A log is open at most once. cfg may be shared by
	// many logs and must not change any more.
	//
	// state must be empty. Open restores it from the log, together with the leader epochs, which the caller takes from it.
	// From then on the log passes every batch to it, and reads it once more when the store is closed. The log's offsets
	// are set when Open returns. events receives the events of the log from then on.
	Open(ctx context.Context, id LogID, cfg *LogConfig, state *partition.State, events LogEvents) (Log, error)
	// Delete removes the log at once and frees its disk space after cfg.FileDeleteDelay or at the next start. From then on
	// the log's methods fail with fault.KafkaStorageError, and a compaction ends early. LogEvents.Released reports when
	// the log needs no bytes of its appends any more. Deleting a log that does not exist does nothing.
	Delete(ctx context.Context, id LogID) error
	// SetAside removes a log that is not open, but keeps its files under a name that it returns. They belong to no topic
	// from then on, like Kafka's directories that end in -stray. The name is "" if the log does not exist.
	SetAside(ctx context.Context, id LogID) (name string, err error)
	// Stored returns the logs that are on disk, open or not. A log whose topic id is not known has the zero topic id; it
	// cannot be opened or deleted.
	Stored() ([]LogID, error)
	// Dir describes the directory that holds the logs, for DescribeLogDirs.
	Dir() (LogDir, error)
	// Err returns why no log can make anything durable any more, nil while they can. Only a restart helps then.
	Err() error
	// Close flushes and closes every log. A second Close does nothing.
	Close() error
}

// LogUsage is one log's size in bytes.
type LogUsage struct {
	Topic     string
	Partition int32
	Size      int64
}

// LogDir is a directory of logs. Sizes are in bytes, -1 if unknown.
type LogDir struct {
	Path          string
	Total, Usable int64
}

// LogEvents receives the events of one log. The methods are called from the store's own goroutines, one at a time for
// one log, and must return at once.
type LogEvents interface {
	// Durable reports that everything below offset end is as durable as the log's flush policy asks for, and can be read.
	Durable(end int64)
	// Offline reports that the log has failed and accepts no appends any more. What was appended and not yet reported as
	// durable may or may not be on disk, and the log may still need its bytes. What was reported as durable can still be
	// read, as far as the disk allows it.
	Offline(err error)
	// Released reports that the log does not need the bytes any more of appends that were not reported as durable, and
	// never will be. It is called once, as the last event, after Offline or LogStore.Delete: on a slow disk perhaps long
	// after these.
	Released()
	// Start reports that the log start offset has risen to start, or was set to it by Log.ResetTo.
	Start(start int64)
}

// Log is the records of one partition on this node. Append, Truncate and ResetTo are called by one goroutine at a time
// (the partition's lock serializes them). Only they change the state that the log was opened with, and nothing else may
// access the state meanwhile. The other methods may be called at any time. Offsets and leader epochs are Kafka's.
type Log interface {
	CleanedLog
	// Append appends the batches and returns without waiting for a disk. The caller has set their base offsets and leader
	// epochs, which continue the log's end without decreasing. Append applies them to the log's state. epochs is the
	// history of leader epochs including those of the batches, to be stored with them; nil when none of them begins an
	// epoch.
	//
	// The bytes of batches belong to the log and must not change until LogEvents.Durable has passed them or Released was
	// called, even if the log goes offline or is deleted. After an error of Append they belong to the caller again. The
	// error is fault.KafkaStorageError when the log is offline.
	Append(batches []record.Batch, epochs []partition.EpochStart, now time.Time) error
	// Read returns whole batches, from the one that contains offset from on, which all end at upTo or below. They have at
	// most maxBytes, except that the first one is always returned (KIP-74). The slice is empty when from is upTo or above.
	// The error is fault.OffsetOutOfRange when from is below the log start offset or above the durable end.
	Read(from, upTo int64, maxBytes int) (Slice, error)
	// StartOffset is the log start offset: everything below was deleted.
	StartOffset() int64
	// EndOffset is the offset that the next record gets.
	EndOffset() int64
	// DurableEnd is the end that LogEvents.Durable has reported last, or that Open has found.
	DurableEnd() int64
	// AdvanceStart raises the log start offset durably (DeleteRecords). A lower one does nothing; one above the durable
	// end is fault.OffsetOutOfRange.
	AdvanceStart(ctx context.Context, start int64) error
	// OffsetForTimestamp returns the first record whose timestamp is ms or later, among those below upTo. ok is false when
	// there is none.
	OffsetForTimestamp(ms, upTo int64) (at TimestampOffset, ok bool, err error)
	// MaxTimestamp returns the first record with the largest timestamp, among those below upTo. ok is false when the log
	// is empty.
	MaxTimestamp(upTo int64) (at TimestampOffset, ok bool, err error)
	// Truncate durably removes all records at offset to and above, with the leader epochs that begin there, and restores
	// the log's state as of the new end. The log then ends at to, also after a restart, and also if the records directly
	// below were compacted away. A batch that contains to is removed as a whole: the log then ends where that batch began,
	// so that a follower fetches the rest again.
	//
	// After an error the log is either offline (fault.KafkaStorageError) or unchanged. It is unchanged when ctx ended
	// while Truncate waited, and when to is below the log start offset (fault.OffsetOutOfRange), which may have risen
	// meanwhile.
	Truncate(ctx context.Context, to int64) error
	// ResetTo removes all records and lets the empty log continue at offset start, which may be above its end or below its
	// start. It is Kafka's truncateFullyAndStartAt, for a follower whose log end is below its leader's log start offset.
	// It waits until what was appended is durable.
	//
	// When it returns nil, the log durably starts and ends at start, without leader epochs, and its state is empty. A
	// crash before that leaves the log as it was or as it would be afterwards. After an error the log is offline until the
	// next start.
	ResetTo(ctx context.Context, start int64) error
	// Configure sets a new config. It stays shared, like the one that the log was opened with.
	Configure(cfg *LogConfig)
	// Size returns the size of the log's records on disk in bytes.
	Size() int64
}

// ErrLogBusy is the error of CleanedLog.Retain when it has done nothing because the log was being changed for long.
var ErrLogBusy = errors.New("the log is being truncated, reset or compacted")

// CleanedLog removes records from a log that are not needed any more. Its methods may be called at any time. They do
// nothing while the log is being truncated or reset.
type CleanedLog interface {
	// Retain deletes whole segments at the log's beginning, as retention.ms, retention.bytes and the log start offset
	// require. now is the wall clock; records without a timestamp expire by the age of their file. upTo returns the high
	// watermark. It is called when nothing else changes the log any more. As in Kafka, records at or above it stay,
	// however old they are. The error is ErrLogBusy when it should be called again later.
	Retain(ctx context.Context, now time.Time, upTo func() int64) error
	// Compact removes records that are replaced by newer ones with the same key, if cleanup.policy is compact. upTo is
	// called as in Retain and returns the last stable offset. Records at or above it are kept and replace no others, since
	// they may still be truncated.
	//
	// It may take long, but delays nothing else, and ends without an error when the log is truncated, reset, deleted or
	// closed. After a batch that cannot be read (fault.CorruptMessage), the log is not compacted until the segment of that
	// batch is deleted. Only one call at a time has an effect.
	Compact(ctx context.Context, now time.Time, upTo func() int64) error
}

// TimestampOffset is a record found by its timestamp (milliseconds).
type TimestampOffset struct {
	Offset      int64
	Timestamp   int64
	LeaderEpoch int32
}

// Slice is a range of bytes in a log's segment file: whole record batches. The zero Slice is empty. Its bytes stay
// readable until Release, even if their segment is deleted. Release it once.
type Slice struct {
	Size   int // bytes
	from   io.ReaderAt
	offset int64 // position of the first byte
	hold   io.Closer
}

// Descriptor is an optional interface of a Slice's source: a file of the operating system, which can be sent without
// copying it (sendfile).
type Descriptor interface {
	// Descriptor returns the open file's descriptor. It may be read at explicit offsets only. ok is false when there is
	// none.
	Descriptor() (fd uintptr, ok bool)
}

// NewSlice returns the slice of size bytes of from that begin at offset; Release closes hold, if it is not nil.
func NewSlice(from io.ReaderAt, offset int64, size int, hold io.Closer) Slice {
	return Slice{Size: size, from: from, offset: offset, hold: hold}
}

// Descriptor returns the descriptor of the file with the slice, and the position at which the slice begins. They are
// valid until Release. ok is false when the slice is not in a file of the operating system; ReadPart reads it in any
// case.
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

// ReadPart fills buf with the slice's bytes from at on. The error is io.ErrUnexpectedEOF when the file is too short.
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

// Release releases the file. Releasing an empty Slice does nothing.
func (s *Slice) Release() {
	if s.hold != nil {
		_ = s.hold.Close() // it was only read from, so nothing is lost when closing fails
		s.hold = nil
	}
}
