package seglog

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
)

const (
	// cleaningPatience is how often Log.cleaning is tried, cleaningPause the time between two attempts.
	cleaningPatience = 10
	cleaningPause    = 50 * time.Millisecond
)

// beginCleaning locks Log.cleaning. It reports false when that is held for long, by a truncation that waits for space
// for instance: cleaning other logs may free it.
func (l *Log) beginCleaning(ctx context.Context) bool {
	for range cleaningPatience {
		if l.cleaning.TryLock() {
			return true
		}
		if ctx.Err() != nil || !l.store.pause(cleaningPause) {
			return false
		}
	}
	return false
}

// newestTime returns the time of a segment's newest record. As in Kafka it is the time of the last change of the file
// when no record has a timestamp, or a negative one; and when the headers cannot be read: damage must not keep a
// segment for ever.
func (l *Log) newestTime(ctx context.Context, s *segment) (time.Time, error) {
	newest, err := l.newestTimestamp(ctx, s)
	if err == nil && newest >= 0 {
		return time.UnixMilli(newest), nil
	}
	if err != nil && !unreadable(err) {
		return time.Time{}, err
	}
	f, err := s.open()
	if err != nil {
		return time.Time{}, err
	}
	changed, err := f.ModTime()
	return changed, errors.Join(err, f.Close())
}

// newestTimestamp returns the largest timestamp in a segment, a negative one when it has none.
func (l *Log) newestTimestamp(ctx context.Context, s *segment) (int64, error) {
	newest := int64(record.NoTimestamp)
	views := l.timedViews(s.base + 1)
	i := slices.IndexFunc(views, func(t timedView) bool { return t.of == s })
	if i < 0 {
		return newest, nil
	}
	if known, err := views[i].newest(); err != nil || known < math.MaxInt64 {
		return known, err
	}
	err := views[i].headers(s.base, func(b record.Batch) bool {
		newest = max(newest, b.MaxTimestamp())
		return ctx.Err() == nil && l.offlineError() == nil // a deletion waits for this
	})
	if err := cmp.Or(err, ctx.Err(), l.offlineError()); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.maxTimestamp = newest
	s.timed = true
	s.timesChecked = true
	return newest, nil
}
