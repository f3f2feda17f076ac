package seglog

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.Log = (*Log)(nil)

// Log is one partition's records: a list of segments, the offsets up to which they are written, durable and synced, and
// what is on its way to them. The package comment tells how a batch passes through it, and the order of the locks.
type Log struct {
	directory // with mu, which guards what follows unless something else is said

	store  *Store
	events ports.LogEvents

	// The partition's, guarded by a lock of the partition that ports.Log names. nil while the journal is replayed, which
	// needs records only.
	state *partition.State

	config   *ports.LogConfig
	segments []*segment // oldest first; the last one is written to
	recent   recentBatches

	// Offsets.
	start         int64 // log start offset
	end           int64 // of what was appended
	takenEnd      int64 // end of what the journal has taken: what is pending follows there
	written       int64 // end of what is in the segments
	durable       int64 // of what was announced as durable
	durableBase   int64 // base of the segment that holds the end of what is durable
	durableSize   int64 // and how much of that segment is
	recoveryPoint int64 // below is synced in the segments
	indexPoint    int64 // below is synced in the indexes too
	volatileEnd   int64 // end of the last chunk that was neither journaled nor synced at once
	stored        int64 // end of the last batch found at the start; the log start offset may be above it
	indexesBuilt  bool  // indexes were built from the records, and not synced

	// On the way to the segments.
	pending   *chunk        // submitted to the journal and not taken, nil when there is nothing
	taken     *chunk        // what the journal is committing; only its committing goroutine changes it
	planned   plan          // what the active segment will be when all of it is written
	committed chan struct{} // closed when a chunk was committed or the log went offline; nil if none waits
	floor     uint64        // entries of the journal up to this group are from before a truncation or reset

	// For flush policies.
	sinceFlush    int64     // records since the last sync, for flush.messages
	firstUnsynced time.Time // when the oldest write that is not synced was made

	offline  error
	shutting bool // set by Store.Close: appends are refused, what was accepted is committed
	ending   ending

	writing     sync.Mutex // held while the committing goroutine writes; holding it keeps new writes waiting
	halfCreated bool       // the active segment's files were not all created; under writing

	syncing    sync.Mutex  // serializes Sync: the second caller must know how the first sync went
	truncating *truncation // nil while the log is not truncated; under syncing

	announcing sync.Mutex // serializes the calls of events

	// cleaning serializes what changes the list of segments elsewhere than at its end: retention, truncation, reset,
	// deletion, and putting rewritten segments and indexes in their places.
	cleaning sync.Mutex
	dropped  []int64 // bases of segments that retention has taken out, whose files are still there; under cleaning
}

// empty returns a log that is not open yet.
func (s *Store) empty(id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents) *Log {
	l := &Log{store: s, events: events, config: withLimits(cfg), state: state}
	l.opt, l.files, l.id = &s.opt, s.files, id
	l.dir = s.dirOf(l.name())
	return l
}

// active returns the segment that is written to.
func (l *Log) active() *segment { return l.segments[len(l.segments)-1] }

// segmentAt returns the index of the segment that holds offset; 0 when the log's first segment begins above it.
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

// replaceSegments puts segments in the place of those from i to j. Readers of these notice that they were replaced.
// Called with the log's lock held.
func (l *Log) replaceSegments(i, j int, with ...*segment) {
	for _, s := range l.segments[i:j] {
		s.removed = true
	}
	l.segments = slices.Replace(l.segments, i, j, with...)
}

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

// String names the log.
func (l *Log) String() string { return fmt.Sprintf("log %s", l.name()) }

// offlineError returns why the log accepts nothing any more, nil when it does.
func (l *Log) offlineError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.offline
}
