package seglog

import (
	"cmp"
	"context"
)

// rollExpired begins a new segment when all records of the active one are to be deleted, so that it can be.
func (r *retention) rollExpired(ctx context.Context) error {
	l := r.log
	l.mu.Lock()
	s := l.active()
	below := l.start >= l.end && l.end > s.base
	quiet := s.size > 0 && l.written == l.end && l.durable == l.end
	committed := l.end <= r.limit && l.config.Delete
	l.mu.Unlock()
	if !quiet || !below && !committed {
		return nil
	}
	if !below {
		if gone, err := r.outlived(ctx, s, 0); err != nil || !gone {
			return err
		}
	}
	rolled, err := l.rollNow()
	if err != nil || !rolled {
		return err
	}
	return r.run(ctx)
}

// rollNow begins a new segment at the log's end, unless something is being appended. After an error it may have begun,
// and the next write creates the files that are missing.
func (l *Log) rollNow() (rolled bool, err error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	busy := l.offline != nil || l.pending != nil || l.written != l.end || l.durable != l.end || l.active().size == 0
	end, s := l.end, l.active()
	l.mu.Unlock()
	if busy {
		return false, nil
	}
	if err := s.flushIndexes(); err != nil {
		return false, err
	}
	err = l.createSegmentFiles(end)
	l.mu.Lock()
	defer l.mu.Unlock()
	if next := cmp.Or(l.taken, l.pending); next != nil && len(next.rolls) > 0 && next.rolls[0].base == end {
		return false, err // an append came first, and begins this segment itself
	}
	// Even if only some of its files were created, nothing is written to the segment before any more: a start that finds
	// one of these takes its base for the end of that.
	l.segments = append(l.segments, newSegment(&l.directory, end))
	l.halfCreated = err != nil
	if l.end == end { // else the next one is begun a little early
		l.planned = plan{base: end, jitter: jitter(l.config)}
	}
	l.durableBase, l.durableSize = end, 0
	return err == nil, err
}
