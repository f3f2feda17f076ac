package seglog

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// Clean applies retention and compaction to the open logs; see ports.LogStore.
func (s *Store) Clean(ctx context.Context, now time.Time) error {
	var errs []error
	for _, l := range s.opened() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		errs = append(errs, l.clean(ctx, now))
	}
	return errors.Join(errs...)
}

// clean applies what the log's cleanup.policy asks for.
func (l *Log) clean(ctx context.Context, now time.Time) error {
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.mu.Lock()
	cfg, gone := l.config, l.offline
	l.mu.Unlock()
	if gone != nil {
		return nil
	}
	if cfg.Compact {
		if err := l.compact(ctx, now); err != nil {
			return err
		}
	}
	return l.retain(now, cfg.Delete)
}

// retain deletes whole segments at the log's beginning: those below the log start offset, and, where the policy is
// delete, those that are too old or too many.
func (l *Log) retain(now time.Time, byPolicy bool) error {
	expired, next, all, err := l.expired(now, byPolicy)
	if err != nil {
		return err
	}
	if len(expired) > 0 {
		if next > l.StartOffset() {
			if err := l.store.writeStart(l, next); err != nil {
				return err
			}
		}
		if err := l.dropFirst(expired, next); err != nil {
			return err
		}
	}
	if !all {
		return nil
	}
	return l.rollExpired(now, byPolicy)
}

// expired returns the first segments of the log, up to one that is to stay, and where that begins. all is true when none but the last
// readable one stays.
func (l *Log) expired(now time.Time, byPolicy bool) (first []*segment, next int64, all bool, err error) {
	l.mu.Lock()
	segments, cfg, start, durable := slices.Clone(l.segments), l.config, l.start, l.durable
	total := int64(0)
	for _, s := range segments {
		total += s.size
	}
	l.mu.Unlock()
	n := 0
	for ; n+1 < len(segments) && segments[n+1].base <= durable; n++ {
		s := segments[n]
		remove := segments[n+1].base <= start
		total -= l.sizeOf(s)
		if !remove && byPolicy {
			remove = cfg.RetentionBytes >= 0 && total >= cfg.RetentionBytes
			if !remove && cfg.RetentionAge >= 0 {
				newest, err := l.newestTimestamp(s)
				if err != nil {
					return nil, 0, false, err
				}
				remove = newest >= 0 && now.Sub(time.UnixMilli(newest)) > cfg.RetentionAge
			}
		}
		if !remove {
			return segments[:n], segments[n].base, false, nil
		}
	}
	return segments[:n], segments[n].base, true, nil
}

// rollExpired begins a new segment when all that the active one holds has expired, so that it can be deleted.
func (l *Log) rollExpired(now time.Time, byPolicy bool) error {
	l.mu.Lock()
	s := l.active()
	expired := byPolicy && l.config.RetentionAge >= 0 && s.size > 0 && s.timed && s.maxTimestamp >= 0 &&
		now.Sub(time.UnixMilli(s.maxTimestamp)) > l.config.RetentionAge
	below := l.start >= l.end && s.size > 0 && l.end > s.base
	quiet := l.written == l.end && l.durable == l.end
	l.mu.Unlock()
	if !expired && !below || !quiet {
		return nil
	}
	rolled, err := l.rollNow()
	if err != nil || !rolled {
		return err
	}
	return l.retain(now, byPolicy)
}

// rollNow begins a new segment at the log's end, unless something is being appended.
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
	if err := l.createSegmentFiles(end); err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending != nil || l.end != end {
		return false, l.removeSegment(end) // an append was quicker
	}
	l.segments = append(l.segments, newSegment(end))
	l.planned = plan{base: end, jitter: jitter(l.config)}
	l.durableBase, l.durableSize = end, 0
	return true, nil
}

// newestTimestamp returns the largest timestamp in a segment, -1 for one without.
func (l *Log) newestTimestamp(s *segment) (int64, error) {
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
		return true
	})
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s.maxTimestamp, s.timed, s.timesChecked = newest, true, true
	return newest, nil
}

// dropFirst takes its first segments out of the log, whose start rises to next at least, and has their files removed in time.
func (l *Log) dropFirst(first []*segment, next int64) error {
	l.mu.Lock()
	l.segments = slices.Delete(l.segments, 0, len(first))
	raised := next > l.start
	l.start = max(l.start, next)
	delay := l.config.FileDeleteDelay
	l.mu.Unlock()
	if raised {
		l.tellStart()
	}
	for _, s := range first {
		if err := l.store.opt.FS.Remove(l.path(s.base, snapshotSuffix)); err != nil {
			return err
		}
		if err := l.retireSegment(s.base, delay); err != nil {
			return err
		}
	}
	return l.store.opt.FS.SyncDir(l.dir())
}

// retireSegment renames a segment's files and has them removed after delay. Who reads them goes on. The caller syncs the directory.
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
	l.syncing.Lock() // the log is not cut or reset meanwhile
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
