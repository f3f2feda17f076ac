package seglog

import (
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
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

// chunks lends chunks: a log needs one only while something is on its way to the disk.
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

// roll is a new segment that begins within a chunk.
type roll struct {
	at       int // index of the segment's first batch
	base     int64
	gap      bool   // the segment before ends below base
	snapshot []byte // producers at that offset
}

// plan is what the active segment will be when everything pending is written. It decides when to roll.
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
				at:       len(l.pending.batches),
				base:     b.BaseOffset(),
				gap:      b.BaseOffset() != l.end,
				snapshot: checkpoint.FormatProducers(l.state),
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
		l.pending.epochs = checkpoint.FormatEpochs(epochs)
	}
	if first {
		l.store.journal.Submit(l) // under the lock, so that nothing is submitted after shutting or fail
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
