package seglog

import (
	"context"
	"crypto/md5" //nolint:gosec // a hash of keys, as in Kafka's cleaner; nothing is protected by it
	"errors"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// keyBytes is about what a key takes in the map of a compaction.
const keyBytes = 64

// latest maps a hash of each key to the offset of its newest record. Two keys with one hash would lose a record: 128
// bits make that as unlikely as Kafka thinks it is.
type latest map[[md5.Size]byte]int64

// note remembers the offset of a key's newest record so far.
func (l latest) note(key []byte, offset int64) {
	l[hashOf(key)] = offset
}

// supersedes reports whether a newer record has the key of the one at an offset.
func (l latest) supersedes(key []byte, offset int64) bool {
	newer, known := l[hashOf(key)]
	return known && newer > offset
}

func hashOf(key []byte) [md5.Size]byte { return md5.Sum(key) } //nolint:gosec // see the import

// readKeys reads the keys that have not been compacted yet. It stops at the end of a batch when the map is full, and
// lowers upTo to there.
func (c *compaction) readKeys(ctx context.Context) error {
	c.newest = make(latest)
	room := max(c.log.opt.CleanerMemory/keyBytes, 1)
	reached := c.cleanedTo
	for _, p := range c.segments() {
		if p.next <= c.cleanedTo {
			continue
		}
		full := false
		err := c.eachBatch(ctx, p, max(c.cleanedTo, p.base), func(b record.Batch) (bool, error) {
			if full = len(c.newest) > 0 && len(c.newest)+int(b.Count()) > room; full {
				return false, nil
			}
			reached = b.NextOffset()
			return true, c.noteKeys(b)
		})
		switch {
		case errors.Is(err, errMoved):
			return errAbandoned
		case err != nil:
			return err
		case full:
			c.upTo = min(reached, c.upTo)
			return nil
		}
		reached = p.next
	}
	c.upTo = min(reached, c.upTo)
	return nil
}

// noteKeys notes the keys of a batch.
func (c *compaction) noteKeys(b record.Batch) error {
	if b.Control() {
		return nil
	}
	for r, err := range b.Records(record.Limits{}) {
		if err != nil {
			return err
		}
		if r.Key != nil {
			c.newest.note(r.Key, b.BaseOffset()+int64(r.OffsetDelta))
		}
	}
	return nil
}

// lastBatch is the last batch of an idempotent producer. It stays, empty if need be, so that the producer's next
// sequence is known.
type lastBatch struct {
	base, last int64
	in         timedView
}

// readProducers finds the last batch of each producer below upTo: what lies above may still be truncated.
func (c *compaction) readProducers(ctx context.Context) error {
	c.lastOf = make(map[int64]lastBatch)
	for _, p := range c.segments() {
		at := p.base
		err := p.headers(p.base, func(b record.Batch) bool {
			at = b.BaseOffset()
			if b.ProducerID() >= 0 && !b.Control() {
				c.lastOf[b.ProducerID()] = lastBatch{b.BaseOffset(), b.LastOffset(), p}
			}
			return c.stopped(ctx) == nil
		})
		switch err = c.orAbandoned(ctx, err); {
		case err == nil:
			err = c.stopped(ctx)
		case !p.of.isCurrent():
			err = errAbandoned
		default:
			err = c.judge(p, at, err)
		}
		if err != nil {
			return err
		}
	}
	// Headers have no checksum of their own: a damaged one must not pass for another producer's last batch.
	for _, b := range c.lastOf {
		err := c.eachBatch(ctx, b.in, b.base, func(record.Batch) (bool, error) { return false, nil })
		if errors.Is(err, errMoved) {
			return errAbandoned
		}
		if err != nil {
			return err
		}
	}
	return nil
}
