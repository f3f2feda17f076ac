package seglog

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
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
	events ports.LogEvents

	// The partition's, under its lock, of which ports.Log tells. nil while the journal is replayed, which asks for nothing
	// but records.
	state *partition.State

	mu            sync.Mutex
	config        *ports.LogConfig
	segments      []*segment // oldest first; the last one is written to
	start         int64      // log start offset
	end           int64      // of what was appended
	durable       int64      // of what was announced as durable
	durableBase   int64      // base of the segment that holds the end of what is durable
	durableSize   int64      // and how much of that segment is
	written       int64      // end of what is in the segments
	recoveryPoint int64      // below is synced in the segments
	indexPoint    int64      // below is synced in the indexes too
	pending       *chunk     // submitted to the journal and not taken, nil when there is nothing
	planned       plan
	offline       error
	shutting      bool // set by Store.Close: appends are refused, what was accepted is committed
	deleted       bool
	ending        ending // what LogEvents know of its end
	indexesMade   bool   // indexes were made anew from the records, and not synced
	opened        bool   // by Store.Open, which until then works on it alone
	// stored is the end of the last batch in the segments, at the start: below the log start offset when that is ahead of
	// what was synced
	stored        int64
	volatileEnd   int64     // end of the last chunk that was neither journaled nor synced at once
	floor         uint64    // entries of the journal up to this group are from before a truncation or reset
	takenEnd      int64     // end of what was taken: what is pending follows there
	sinceFlush    int64     // records since the last sync, for flush.messages
	firstUnsynced time.Time // when the oldest write that is not synced was made
	recent        tailCache
	// settled is closed when a chunk was committed or the log went offline; nil while nobody waits for that
	settled chan struct{}
	taken   *chunk // what the journal is committing; only its committing goroutine changes it

	// writing is held while the committing goroutine writes: who takes it waits for that, and keeps more from coming.
	writing   sync.Mutex
	halfBegun bool // the active segment's files were not all made; under writing

	// syncing serializes Sync: who comes second must know how the first one went.
	syncing sync.Mutex
	cutting *cutting // nil while the log is not being cut; under syncing

	// indexing is held while new index entries are written.
	indexing sync.Mutex

	// telling serializes the calls of events.
	telling sync.Mutex

	// cleaning serializes with each other what changes the list of segments elsewhere than at its end: retention,
	// truncation, reset, deletion, and putting rewritten segments and indexes in their places.
	cleaning sync.Mutex
	// dropped are the bases of segments that retention has taken out of the log, and whose files are still there; under
	// cleaning
	dropped []int64
}

// ending is what LogEvents know of a log's end.
type ending uint8

const (
	notReleased  ending = iota // the journal may need its bytes, or it has not ended
	failedUntold               // it has failed, and they are to be told
	released                   // they know that it needs no bytes any more
)

// chunk is what is appended to a log between two commits.
type chunk struct {
	batches   []record.Batch
	rolls     []roll
	epochs    []byte // leader epoch checkpoint to be written with it, nil when it is
	written   int    // batches that are in the segments
	rolled    int    // rolls that were made
	end       int64  // of its last batch; known when it is taken
	syncFirst bool   // its volatile write is to be synced at once, by flush.messages
}

// chunks lends chunks, for a log needs one only while something is on its way to the disk.
type chunks struct{ pool sync.Pool }

func (c *chunks) get() *chunk {
	if free, ok := c.pool.Get().(*chunk); ok {
		return free
	}
	return new(chunk)
}

// put takes a chunk back, without what it holds.
func (c *chunks) put(used *chunk) {
	clear(used.batches)
	clear(used.rolls)
	*used = chunk{batches: used.batches[:0], rolls: used.rolls[:0]}
	c.pool.Put(used)
}

// roll is where a new segment begins in a chunk.
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
	first   int64 // milliseconds: when its first batch was appended, or that batch's timestamp
	marks   int64 // offset index entries, at the most
	pending int64 // bytes since the last of them
	jitter  time.Duration
}

// Append orders the batches behind the log's end; see ports.Log.
func (l *Log) Append(batches []record.Batch, epochs []partition.EpochStart, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.offline != nil:
		return l.offline
	case l.shutting:
		return errClosed
	case len(batches) == 0:
		return nil
	}
	first := l.pending == nil
	if first {
		l.pending = l.store.chunks.get()
	}
	for _, b := range batches {
		if l.rollsBefore(b, now) {
			l.pending.rolls = append(l.pending.rolls, roll{
				at: len(l.pending.batches), base: b.BaseOffset(), gap: b.BaseOffset() != l.end, snapshot: formatSnapshot(l.state),
			})
			l.planned = plan{base: b.BaseOffset(), jitter: jitter(l.config)}
		}
		if l.planned.size == 0 {
			l.planned.first = timestampOr(b, now)
		}
		l.planned.add(int64(len(b)), l.config.IndexIntervalBytes)
		l.pending.batches = append(l.pending.batches, b)
		l.end = b.NextOffset()
		l.state.Append(b, now.UnixMilli())
	}
	if epochs != nil {
		l.pending.epochs = formatEpochs(epochs)
	}
	if first {
		l.store.journal.Submit(l) // with the lock held: after shutting or fail nothing is submitted any more
	}
	return nil
}

// rollsBefore reports whether a new segment begins with b: as in Kafka when it does not fit by size, age, index or
// relative offset.
func (l *Log) rollsBefore(b record.Batch, now time.Time) bool {
	p, c := &l.planned, l.config
	if p.size == 0 {
		return false
	}
	return p.size+int64(len(b)) > c.SegmentBytes ||
		c.SegmentAge > 0 && time.Duration(timestampOr(b, now)-p.first)*time.Millisecond > c.SegmentAge-p.jitter ||
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

// timestampOr returns a batch's own time, or now for one without, in milliseconds.
func timestampOr(b record.Batch, now time.Time) int64 {
	if ts := b.MaxTimestamp(); ts >= 0 {
		return ts
	}
	return now.UnixMilli()
}

// jitter spreads the rolling of segments that were begun at the same time.
func jitter(c *ports.LogConfig) time.Duration {
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
		l.offline = fault.New(fault.KafkaStorageError, "log of %s is offline: %w", l.name(), disk.Lasting(err))
		l.ending = failedUntold
		l.settle()
	}
	l.mu.Unlock()
	if first {
		l.store.opt.Log.Error("log is offline", "topic", l.id.Topic, "partition", l.id.Partition, "err", err)
		l.tellEnd()
	}
}

// tellEnd tells that the log has failed, if it has, and, as soon as the journal is done with all that was appended,
// that its bytes are released.
func (l *Log) tellEnd() {
	if l.events == nil {
		return
	}
	l.telling.Lock()
	defer l.telling.Unlock()
	l.mu.Lock()
	reason, failed := l.offline, l.ending == failedUntold
	over := l.ending != released && reason != nil && l.pending == nil && l.taken == nil
	switch {
	case over:
		l.ending = released
	case failed:
		l.ending = notReleased
	}
	l.mu.Unlock()
	if failed {
		l.events.Offline(errors.Unwrap(reason))
	}
	if over {
		l.events.Released()
	}
}

// settle wakes who waits for a chunk to be committed. Called with the log's lock held.
func (l *Log) settle() {
	if l.settled != nil {
		close(l.settled)
		l.settled = nil
	}
}

func (l *Log) name() logName { return logName{l.id.Topic, l.id.Partition} }

// dir is the log's directory.
func (l *Log) dir() string { return l.store.dirOf(l.name()) }

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
func (l *Log) Configure(cfg *ports.LogConfig) {
	l.mu.Lock()
	l.config = withLimits(cfg)
	l.mu.Unlock()
	if cfg.Flush != ports.FlushSync { // what is not synced may be due earlier now
		l.store.noteUnsynced(l)
		l.store.flushSooner()
	}
}

// withLimits replaces what is not set by Kafka's defaults. A config that sets it all stays shared.
func withLimits(cfg *ports.LogConfig) *ports.LogConfig {
	if cfg.SegmentBytes > 0 && cfg.IndexIntervalBytes > 0 && cfg.IndexBytes > 0 {
		return cfg
	}
	c := *cfg
	if c.SegmentBytes <= 0 {
		c.SegmentBytes = 1 << 30
	}
	if c.IndexIntervalBytes <= 0 {
		c.IndexIntervalBytes = 4096
	}
	if c.IndexBytes <= 0 {
		c.IndexBytes = 10 << 20
	}
	return &c
}

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
