package seglog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/ports"
)

// Retain deletes whole segments at the log's beginning: those below the log start offset, and, where cleanup.policy has
// delete, those that are too old or exceed retention.bytes; see ports.CleanedLog.
func (l *Log) Retain(ctx context.Context, now time.Time, upTo func() int64) error {
	if !l.beginCleaning(ctx) {
		if l.offlineError() != nil || l.store.isClosed() {
			return nil
		}
		return cmp.Or(ctx.Err(), ports.ErrLogBusy)
	}
	defer l.cleaning.Unlock()
	if l.offlineError() != nil {
		return nil
	}
	r := &retention{log: l, now: now, limit: upTo()}
	return r.run(ctx)
}

// retention is one run over a log. It has Log.cleaning.
type retention struct {
	log   *Log
	now   time.Time
	limit int64 // what ends above is not deleted for its age or size
}

// run deletes what has expired. If that is all below the active segment, it may begin a new one and run again.
func (r *retention) run(ctx context.Context) error {
	expired, next, all, err := r.expired(ctx)
	if err != nil {
		return err
	}
	l := r.log
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
	return r.rollExpired(ctx)
}

// expired returns the first segments of the log, up to one that is to stay, and where that begins. all is true when
// none but the last one stays. As in Kafka a segment has to end at limit or below; a failed sync may leave one that is
// not durable to its end.
func (r *retention) expired(ctx context.Context) (first []*segment, next int64, all bool, err error) {
	l := r.log
	l.mu.Lock()
	segments := slices.Clone(l.segments)
	cfg, start := l.config, l.start
	limit := min(r.limit, l.durable)
	total := int64(0)
	for _, s := range segments {
		total += s.size
	}
	l.mu.Unlock()
	n := 0
	for ; n+1 < len(segments) && segments[n+1].base <= max(limit, start); n++ {
		s := segments[n]
		total -= s.written()
		remove := segments[n+1].base <= start
		if !remove && cfg.Delete {
			if remove, err = r.outlived(ctx, s, total); err != nil {
				return nil, 0, false, err
			}
		}
		if !remove {
			return segments[:n], segments[n].base, false, nil
		}
	}
	return segments[:n], segments[n].base, n+1 == len(segments), nil
}

// outlived reports whether a segment is to be deleted by the topic's configs. behind is the size of the segments behind
// it.
func (r *retention) outlived(ctx context.Context, s *segment, behind int64) (bool, error) {
	r.log.mu.Lock()
	cfg := r.log.config
	r.log.mu.Unlock()
	switch {
	case cfg.RetentionBytes >= 0 && behind >= cfg.RetentionBytes:
		return true, nil
	case cfg.RetentionAge < 0:
		return false, nil
	}
	newest, err := r.log.newestTime(ctx, s)
	return err == nil && r.now.Sub(newest) > cfg.RetentionAge, err
}

// dropFirst removes the first segments from the log, whose start rises to next at least.
func (l *Log) dropFirst(first []*segment, next int64) {
	for _, s := range first {
		l.dropped = append(l.dropped, s.base)
	}
	l.mu.Lock()
	l.replaceSegments(0, len(first))
	raised := next > l.start
	l.start = max(l.start, next)
	l.mu.Unlock()
	if raised {
		l.announceStart()
	}
}

// retireDropped has the files of dropped segments removed after file.delete.delay.ms. Those that it fails for are tried
// again when it is called next.
func (l *Log) retireDropped() error {
	if len(l.dropped) == 0 {
		return nil
	}
	l.mu.Lock()
	delay := l.config.FileDeleteDelay
	l.mu.Unlock()
	var errs []error
	l.dropped = slices.DeleteFunc(l.dropped, func(base int64) bool {
		err := l.opt.FS.Remove(l.path(base, snapshotSuffix))
		if err == nil {
			err = l.retireSegment(base, delay)
		}
		errs = append(errs, err)
		return err == nil
	})
	return errors.Join(append(errs, l.syncDir())...)
}

// retireSegment renames a segment's files and has them removed after delay. Readers that have them open go on. The
// caller syncs the directory.
func (l *Log) retireSegment(base int64, delay time.Duration) error {
	when := time.Now().Add(delay)
	for _, suffix := range suffixes {
		path := l.path(base, suffix)
		exists, err := l.opt.FS.Exists(path)
		if err != nil {
			return err
		}
		if !exists {
			continue
		}
		if err := l.opt.FS.Rename(path, path+deletedSuffix); err != nil {
			return err
		}
		l.files.Forget(path)
		l.store.removeAt(path+deletedSuffix, when)
	}
	return nil
}
