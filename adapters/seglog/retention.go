package seglog

import (
	"cmp"
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// Retain deletes whole segments at the log's beginning: those below the log start offset, and, where cleanup.policy has
// delete, those that are too old or too many; see ports.CleanedLog.
func (l *Log) Retain(ctx context.Context, now time.Time, upTo func() int64) error {
	if !l.beginCleaning(ctx) {
		return nil
	}
	defer l.cleaning.Unlock()
	if l.offlineError() != nil {
		return nil
	}
	return l.retain(ctx, now, upTo())
}

const (
	// cleaningPatience is how often a log is asked whether it can be cleaned, cleaningPause what lies between.
	cleaningPatience = 10
	cleaningPause    = 50 * time.Millisecond
)

// beginCleaning takes Log.cleaning. It reports false when somebody has it for long: one who waits for space, say, which
// cleaning other logs makes.
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

// retain is Retain for what lies below limit.
func (l *Log) retain(ctx context.Context, now time.Time, limit int64) error {
	expired, next, all, err := l.expired(ctx, now, limit)
	if err != nil {
		return err
	}
	if len(expired) > 0 {
		if next > l.StartOffset() {
			if err := l.store.writeStart(l, next); err != nil {
				return err
			}
		}
		l.dropFirst(expired, next)
	}
	if err := l.retireDropped(); err != nil {
		return err
	}
	if !all {
		return nil
	}
	return l.rollExpired(ctx, now, limit)
}

// expired returns the first segments of the log, up to one that is to stay, and where that begins. all is true when
// none but the last one stays. As in Kafka a segment has to end at limit or below; a failed sync may leave one that is
// not durable to its end.
func (l *Log) expired(
	ctx context.Context, now time.Time, limit int64,
) (first []*segment, next int64, all bool, err error) {
	l.mu.Lock()
	segments, cfg, start := slices.Clone(l.segments), l.config, l.start
	limit = min(limit, l.durable)
	total := int64(0)
	for _, s := range segments {
		total += s.size
	}
	l.mu.Unlock()
	n := 0
	for ; n+1 < len(segments) && segments[n+1].base <= max(limit, start); n++ {
		s := segments[n]
		total -= l.sizeOf(s)
		remove := segments[n+1].base <= start
		if !remove && cfg.Delete {
			if remove, err = l.outlived(ctx, s, total, now); err != nil {
				return nil, 0, false, err
			}
		}
		if !remove {
			return segments[:n], segments[n].base, false, nil
		}
	}
	return segments[:n], segments[n].base, n+1 == len(segments), nil
}

// outlived reports whether a segment, behind which there are so many bytes, has to go by the topic's configs.
func (l *Log) outlived(ctx context.Context, s *segment, behind int64, now time.Time) (bool, error) {
	l.mu.Lock()
	cfg := l.config
	l.mu.Unlock()
	switch {
	case cfg.RetentionBytes >= 0 && behind >= cfg.RetentionBytes:
		return true, nil
	case cfg.RetentionAge < 0:
		return false, nil
	}
	newest, err := l.newestTime(ctx, s)
	return err == nil && now.Sub(newest) > cfg.RetentionAge, err
}

// rollExpired begins a new segment when all that the active one holds is to go, so that it can be deleted.
func (l *Log) rollExpired(ctx context.Context, now time.Time, limit int64) error {
	l.mu.Lock()
	s := l.active()
	below := l.start >= l.end && l.end > s.base
	quiet := s.size > 0 && l.written == l.end && l.durable == l.end
	committed := l.end <= limit && l.config.Delete
	l.mu.Unlock()
	if !quiet || !below && !committed {
		return nil
	}
	if !below {
		if gone, err := l.outlived(ctx, s, 0, now); err != nil || !gone {
			return err
		}
	}
	rolled, err := l.rollNow()
	if err != nil || !rolled {
		return err
	}
	return l.retain(ctx, now, limit)
}

// rollNow begins a new segment at the log's end, unless something is being appended. After an error it may have begun,
// and the next write makes the files that are missing.
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
	if err := l.flushIndexes(s); err != nil {
		return false, err
	}
	err = l.createSegmentFiles(end)
	l.mu.Lock()
	defer l.mu.Unlock()
	if next := cmp.Or(l.taken, l.pending); next != nil && len(next.rolls) > 0 && next.rolls[0].base == end {
		return false, err // an append was quicker, and begins this segment itself
	}
	// Whatever was made of it, nothing is written to the one before any more: a start that finds the file takes its base
	// for the end of that.
	l.segments = append(l.segments, newSegment(end))
	l.halfBegun = err != nil
	if l.end == end { // else the next one is begun a little early
		l.planned = plan{base: end, jitter: jitter(l.config)}
	}
	l.durableBase, l.durableSize = end, 0
	return err == nil, err
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
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err != nil {
		return time.Time{}, err
	}
	changed, err := f.ModTime()
	return changed, errors.Join(err, f.Close())
}

// newestTimestamp returns the largest timestamp in a segment, a negative one when it has none.
func (l *Log) newestTimestamp(ctx context.Context, s *segment) (int64, error) {
	newest := int64(record.NoTimestamp)
	places := l.timedPlaces(s.base + 1)
	i := slices.IndexFunc(places, func(t timedPlace) bool { return t.of == s })
	if i < 0 {
		return newest, nil
	}
	if known, err := l.newest(places[i]); err != nil || known < math.MaxInt64 {
		return known, err
	}
	err := l.headers(places[i].place, s.base, func(b record.Batch) bool {
		newest = max(newest, b.MaxTimestamp())
		return ctx.Err() == nil && l.offlineError() == nil // a deletion waits
	})
	if err := cmp.Or(err, ctx.Err(), l.offlineError()); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.maxTimestamp, s.timed, s.timesChecked = newest, true, true
	return newest, nil
}

// dropFirst takes its first segments out of the log, whose start rises to next at least.
func (l *Log) dropFirst(first []*segment, next int64) {
	for _, s := range first {
		l.dropped = append(l.dropped, s.base)
	}
	l.mu.Lock()
	l.segments = slices.Delete(l.segments, 0, len(first))
	raised := next > l.start
	l.start = max(l.start, next)
	l.mu.Unlock()
	if raised {
		l.tellStart()
	}
}

// retireDropped has the files of dropped segments removed in time. Those that it fails for are tried again when it is
// called next.
func (l *Log) retireDropped() error {
	if len(l.dropped) == 0 {
		return nil
	}
	l.mu.Lock()
	delay := l.config.FileDeleteDelay
	l.mu.Unlock()
	var errs []error
	l.dropped = slices.DeleteFunc(l.dropped, func(base int64) bool {
		err := l.store.opt.FS.Remove(l.path(base, snapshotSuffix))
		if err == nil {
			err = l.retireSegment(base, delay)
		}
		errs = append(errs, err)
		return err == nil
	})
	return errors.Join(append(errs, l.store.opt.FS.SyncDir(l.dir()))...)
}

// retireSegment renames a segment's files and has them removed after delay. Who reads them goes on. The caller syncs
// the directory.
func (l *Log) retireSegment(base int64, delay time.Duration) error {
	when := time.Now().Add(delay)
	for _, suffix := range suffixes {
		path := l.path(base, suffix)
		exists, err := l.store.opt.FS.Exists(path)
		if err != nil {
			return err
		}
		if !exists {
			continue
		}
		if err := l.store.opt.FS.Rename(path, path+deletedSuffix); err != nil {
			return err
		}
		l.store.files.forget(path)
		l.store.doom(path+deletedSuffix, when)
	}
	return nil
}

// removeSegment removes a segment's files at once.
func (l *Log) removeSegment(base int64) error {
	for _, suffix := range append(slices.Clone(suffixes), snapshotSuffix) {
		path := l.path(base, suffix)
		if err := l.store.opt.FS.Remove(path); err != nil {
			return err
		}
		l.store.files.forget(path)
	}
	return nil
}

// AdvanceStart raises the log start offset; see ports.Log.
func (l *Log) AdvanceStart(_ context.Context, start int64) error {
	l.syncing.Lock() // the log is not reset meanwhile, nor does it begin to be cut
	raised, err := l.raiseStart(start)
	l.syncing.Unlock()
	if raised {
		l.tellStart()
	}
	return err
}

func (l *Log) raiseStart(start int64) (raised bool, err error) {
	l.mu.Lock()
	old, durable, gone := l.start, l.durable, l.offline
	l.mu.Unlock()
	if l.cutting != nil {
		durable = min(durable, l.cutting.to)
	}
	switch {
	case gone != nil:
		return false, gone
	case start <= old:
		return false, nil
	case start > durable:
		return false, fault.New(fault.OffsetOutOfRange, "offset %d of %s is above its end %d", start, l.name(), durable)
	}
	if err := l.store.writeStart(l, start); err != nil {
		return false, fault.New(fault.KafkaStorageError, "raise the log start offset of %s: %w", l.name(), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = max(l.start, start)
	return true, nil
}

// tellStart announces the log start offset.
func (l *Log) tellStart() {
	l.telling.Lock()
	defer l.telling.Unlock()
	l.events.Start(l.StartOffset())
}

// writeSnapshot writes the producers' state at offset.
func (l *Log) writeSnapshot(offset int64, content []byte) error {
	return replaceFile(l.store.opt.FS, filepath.Join(l.dir(), segmentName(offset, snapshotSuffix)), content)
}
