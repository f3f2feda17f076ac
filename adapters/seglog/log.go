package seglog

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.Log = (*Log)(nil)

// Log is one partition's records. The committing goroutine of the journal writes to it; see commit.go.
type Log struct {
	store  *Store
	id     ports.LogID
	dir    string
	events ports.LogEvents

	// Under the partition's lock, of which ports.Log tells.
	producers *partition.Producers
	epochs    *partition.Epochs

	mu            sync.Mutex
	config        ports.LogConfig
	segments      []*segment // oldest first; the last one is written to
	start         int64      // log start offset
	end           int64      // of what was appended
	durable       int64      // of what was announced as durable
	durableBase   int64      // base of the segment that holds the end of what is durable
	durableSize   int64      // and how much of that segment is
	written       int64      // end of what is in the segments
	recoveryPoint int64      // below is synced in the segments
	pending       []record.Batch
	rolls         []roll // in pending
	queued        bool   // submitted to the journal and not taken
	planned       plan
	storedEpoch   int32  // the newest in the leader epoch checkpoint, or on the way there; -1 for none
	epochsDirty   []byte // leader epoch checkpoint to be written with the next chunk
	offline       error
	shutting      error // set by Store.Close: appends are refused, what was accepted is committed
	deleted       bool
	opened        bool      // by Store.Open, which until then works on it alone
	stored        int64     // end of the last batch in the segments, at the start: below the log start offset when that is ahead of what was synced
	volatileEnd   int64     // end of the last chunk that was neither journaled nor synced at once
	checkpointed  int64     // the recovery point that is on disk, -1 for not known
	floor         uint64    // entries of the journal up to this group are from before a truncation or reset
	taking        int64     // end of the log before what is pending
	sinceFlush    int64     // records since the last sync, for flush.messages
	firstUnsynced time.Time // when the oldest write that is not synced was made
	recent        tailCache
	settled       sync.Cond // on mu: a chunk was committed, or the log went offline

	// writing is held while the committing goroutine writes: who takes it waits for that, and keeps more from coming.
	writing sync.Mutex

	// syncing serializes Sync: who comes second must know how the first one went.
	syncing sync.Mutex

	// indexing is held while new index entries are written.
	indexing sync.Mutex

	// telling serializes the calls of events.
	telling sync.Mutex

	// The committing goroutine's own.
	taken      []record.Batch
	takenRolls []roll
	takenEpoch []byte
	takenEnd   int64
	syncFirst  bool // the chunk's volatile write is to be synced at once, by flush.messages

	// cleaning serializes retention, compaction, truncation, reset, deletion and the making of new indexes with each other.
	cleaning sync.Mutex
}

// roll is where a new segment begins in what is pending.
type roll struct {
	at       int // index of the segment's first batch
	base     int64
	gap      bool   // the segment before ends below base
	snapshot []byte // producers at that offset
}

// plan is what the active segment will be when everything pending is written: what decides when to roll.
type plan struct {
	base    int64
	size    int64
	first   time.Time // when its first batch was appended, or that batch's timestamp
	marks   int64     // offset index entries, at the most
	pending int64     // bytes since the last of them
	jitter  time.Duration
}

// Append orders the batches behind the log's end; see ports.Log.
func (l *Log) Append(batches []record.Batch, now time.Time) error {
	l.mu.Lock()
	if err := errors.Join(l.offline, l.shutting); err != nil {
		l.mu.Unlock()
		return err
	}
	for _, b := range batches {
		if l.rollsBefore(b, now) {
			l.rolls = append(l.rolls, roll{at: len(l.pending), base: b.BaseOffset(), gap: b.BaseOffset() != l.end, snapshot: formatProducers(l.producers)})
			l.planned = plan{base: b.BaseOffset(), jitter: jitter(l.config)}
		}
		if l.planned.size == 0 {
			l.planned.first = timestampOr(b, now)
		}
		l.planned.add(int64(len(b)), l.config.IndexIntervalBytes)
		l.pending = append(l.pending, b)
		l.end = b.NextOffset()
		l.producers.Append(b, now.UnixMilli())
		l.epochs.Assign(b.LeaderEpoch(), b.BaseOffset())
		if b.LeaderEpoch() > l.storedEpoch { // the caller may have assigned it before its first batch
			l.storedEpoch = b.LeaderEpoch()
			l.epochsDirty = formatEpochs(l.epochs.Entries())
		}
	}
	if !l.queued && len(l.pending) > 0 {
		l.queued = true
		l.store.journal.Submit(l) // with the lock held: after shutting or fail nothing is submitted any more
	}
	l.mu.Unlock()
	return nil
}

// rollsBefore reports whether a new segment begins with b: as in Kafka when it does not fit by size, age, index or
// relative offset.
func (l *Log) rollsBefore(b record.Batch, now time.Time) bool {
	p, c := &l.planned, &l.config
	if p.size == 0 {
		return false
	}
	return p.size+int64(len(b)) > c.SegmentBytes ||
		c.SegmentAge > 0 && timestampOr(b, now).Sub(p.first) > c.SegmentAge-p.jitter ||
		(p.marks+1)*indexEntry > c.IndexBytes ||
		b.LastOffset()-p.base > math.MaxInt32
}

func (p *plan) add(size, interval int64) {
	if p.pending > interval {
		p.marks++
		p.pending = 0
	}
	p.pending += size
	p.size += size
}

// timestampOr returns a batch's own time, or now for one without.
func timestampOr(b record.Batch, now time.Time) time.Time {
	if ts := b.MaxTimestamp(); ts >= 0 {
		return time.UnixMilli(ts)
	}
	return now
}

// jitter spreads the rolling of segments that were begun at the same time.
func jitter(c ports.LogConfig) time.Duration {
	if c.SegmentJitter <= 0 {
		return 0
	}
	return rand.N(min(c.SegmentJitter, max(c.SegmentAge, 1)))
}

// active returns the segment that is written to.
func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

// fail takes the log offline: nothing is accepted or acknowledged any more.
func (l *Log) fail(err error) {
	l.mu.Lock()
	first := l.offline == nil
	if first {
		l.offline = fault.New(fault.KafkaStorageError, "log of %s is offline: %w", l.name(), err)
		l.settled.Broadcast()
	}
	l.mu.Unlock()
	if first {
		l.store.opt.Log.Error("log is offline", "topic", l.id.Topic, "partition", l.id.Partition, "err", err)
		if l.events != nil {
			l.telling.Lock()
			defer l.telling.Unlock()
			l.events.Offline(err)
		}
	}
}

func (l *Log) name() logName { return logName{l.id.Topic, l.id.Partition} }

// StartOffset is the log start offset.
func (l *Log) StartOffset() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.start
}

// EndOffset is the offset that the next record gets.
func (l *Log) EndOffset() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// DurableEnd is the end of what was announced as durable.
func (l *Log) DurableEnd() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Size returns the bytes of all segments.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := int64(0)
	for _, s := range l.segments {
		size += s.size
	}
	return size
}

// Configure takes a new config into use.
func (l *Log) Configure(cfg ports.LogConfig) {
	l.mu.Lock()
	l.config = withLimits(cfg)
	l.mu.Unlock()
	if cfg.Flush != ports.FlushSync { // what is not synced may be due earlier now
		l.store.noteUnsynced(l)
		l.store.flushSooner()
	}
}

// withLimits replaces what is not set by Kafka's defaults.
func withLimits(c ports.LogConfig) ports.LogConfig {
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 1 << 30
	}
	if c.IndexIntervalBytes <= 0 {
		c.IndexIntervalBytes = 4096
	}
	if c.IndexBytes <= 0 {
		c.IndexBytes = 10 << 20
	}
	return c
}

// Producers is the state of the producers that have appended.
func (l *Log) Producers() *partition.Producers { return l.producers }

// Epochs is the history of leader epochs.
func (l *Log) Epochs() *partition.Epochs { return l.epochs }

// segmentAt returns the index of the segment that holds offset, or where the log's first one is behind it, 0.
func (l *Log) segmentAt(offset int64) int {
	i, found := slices.BinarySearchFunc(l.segments, offset, func(s *segment, o int64) int {
		switch {
		case s.base < o:
			return -1
		case s.base > o:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	return max(i, 0)
}

// String names the log.
func (l *Log) String() string { return fmt.Sprintf("log %s", l.name()) }

// offlineError returns why the log accepts nothing any more, nil when it does.
func (l *Log) offlineError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offline
}
