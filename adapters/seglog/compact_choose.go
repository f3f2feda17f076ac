package seglog

import (
	"context"
	"slices"
	"time"
)

// choose finds out from where on the log has not been compacted, and up to where it may be, which is where a segment
// begins. It reports whether there is enough to compact. cleaned is the end of what was compacted before, limit that of
// what may be. Called with Log.cleaning held.
func (c *compaction) choose(ctx context.Context, now time.Time, cleaned, limit int64) (due bool, err error) {
	l, cfg := c.log, c.config
	l.mu.Lock()
	// A segment that is not durable to its end cannot be read to its end either, and what was not read would be lost.
	limit = min(limit, l.active().base, l.durableBase)
	start := l.start
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	from := max(cleaned, start)
	if from > limit {
		from = start
	}
	upTo := segments[0].base
	var clean, dirty int64
	overdue := false
	for i, s := range segments[:len(segments)-1] {
		next := segments[i+1].base
		if next > limit {
			break
		}
		if cfg.MinCompactionLag > 0 {
			newest, err := l.newestTime(ctx, s)
			if err != nil {
				return false, err
			}
			if now.Sub(newest) < cfg.MinCompactionLag {
				break
			}
		}
		upTo = next
		size, newest := s.newestKnown()
		if s.base < from {
			clean += size
			continue
		}
		dirty += size
		if lag := cfg.MaxCompactionLag; lag > 0 && newest >= 0 && now.Sub(time.UnixMilli(newest)) > lag {
			overdue = true
		}
	}
	c.cleanedTo, c.upTo = from, upTo
	if upTo <= from || dirty == 0 {
		return false, nil
	}
	return overdue || float64(dirty)/float64(clean+dirty) >= cfg.MinCleanableRatio, nil
}

// segments returns the segments that end at or below c.upTo.
func (c *compaction) segments() []timedView {
	var below []timedView
	for _, v := range c.log.timedViews(c.upTo) {
		if v.next <= c.upTo {
			below = append(below, v)
		}
	}
	return below
}

// groups gathers neighbouring segments that fit into one.
func (c *compaction) groups() [][]timedView {
	c.log.mu.Lock()
	limit := c.log.config.SegmentBytes
	c.log.mu.Unlock()
	var groups [][]timedView
	size, first := int64(0), int64(0)
	for _, v := range c.segments() {
		if n := len(groups); n > 0 && size+v.limit <= limit && v.next-first < 1<<31 {
			groups[n-1] = append(groups[n-1], v)
			size += v.limit
			continue
		}
		groups = append(groups, []timedView{v})
		size, first = v.limit, v.base
	}
	return groups
}
