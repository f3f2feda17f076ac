package seglog

// recentSize is how many of the last batches a log remembers the positions of.
const recentSize = 32

// recentBatches remembers where the last batches stand, so that a consumer at the end of a log needs no index. The zero
// value is empty and takes no memory until the first batch.
type recentBatches struct {
	ring []recentBatch
	next int
}

type recentBatch struct{ offset, base, position, size int64 }

// add notes that a batch with this base offset and size stands at position in the segment with this base.
func (c *recentBatches) add(offset, base, position, size int64) {
	if len(c.ring) < recentSize {
		c.ring = append(c.ring, recentBatch{offset, base, position, size})
		return
	}
	c.ring[c.next] = recentBatch{offset, base, position, size}
	c.next = (c.next + 1) % recentSize
}

// find returns position and size of the batch that begins exactly at offset in the segment with this base.
func (c *recentBatches) find(offset, base int64) (position, size int64, ok bool) {
	for _, e := range c.ring {
		if e.offset == offset && e.base == base {
			return e.position, e.size, true
		}
	}
	return 0, 0, false
}

// forget empties the cache.
func (c *recentBatches) forget() { *c = recentBatches{} }
