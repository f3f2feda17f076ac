package seglog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// distrust notes that the segment's indexes are wrong, and has them built again.
func (s *segment) distrust() {
	d := s.dir
	d.mu.Lock()
	due := !s.distrusted && !s.removed && !d.deleted // in one that was replaced a reader may find anything
	rebuild := d.rebuild
	s.distrusted = true
	d.mu.Unlock()
	if due && rebuild != nil {
		rebuild(s)
	}
}

// indexRebuild is a segment whose indexes are to be built again.
type indexRebuild struct {
	log     *Log
	segment *segment
	logged  bool // a failure that is tried again is logged once
}

// noteOpened has the indexes rebuilt that opening the log has found to be wrong, and those that are found from now on.
func (l *Log) noteOpened() {
	l.mu.Lock()
	l.rebuild = func(s *segment) { l.store.rebuildLater(l, s) }
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	for _, s := range segments {
		if s.distrusted {
			l.store.rebuildLater(l, s)
		}
	}
}

// rebuildLater hands a segment to rebuildIndexes.
func (s *Store) rebuildLater(l *Log, of *segment) {
	s.opt.Log.Warn("index is wrong, rebuilding it", "topic", l.id.Topic, "partition", l.id.Partition, "segment", of.base)
	s.mu.Lock()
	s.rebuilds = append(s.rebuilds, indexRebuild{log: l, segment: of})
	s.mu.Unlock()
	select {
	case s.rebuildDue <- struct{}{}:
	default:
	}
}

// rebuildRetry is when an index is tried again that could not be built for want of descriptors or space.
const rebuildRetry = time.Second

// rebuildIndexes builds indexes again that were found to be wrong, until ctx ends. What fails by an error that passes
// is tried again.
func (s *Store) rebuildIndexes(ctx context.Context) {
	var failed []indexRebuild
	for {
		var retry <-chan time.Time
		if len(failed) > 0 {
			retry = time.After(rebuildRetry)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.rebuildDue:
		case <-retry:
		}
		s.mu.Lock()
		due := slices.Concat(failed, s.rebuilds)
		s.rebuilds, failed = nil, nil
		s.mu.Unlock()
		for _, r := range due {
			if err := s.rebuildIndex(ctx, &r); disk.Passing(err) {
				failed = append(failed, r)
			}
		}
	}
}

// rebuildIndex builds a segment's indexes again, and logs how that went.
func (s *Store) rebuildIndex(ctx context.Context, r *indexRebuild) error {
	log := s.opt.Log.With("topic", r.log.id.Topic, "partition", r.log.id.Partition, "segment", r.segment.base)
	err := r.run(ctx)
	switch {
	case err == nil:
		log.InfoContext(ctx, "index rebuilt")
	case ctx.Err() == nil && !r.logged:
		log.ErrorContext(ctx, "index cannot be rebuilt, reads go without it", "tried_again", disk.Passing(err), "err", err)
		r.logged = disk.Passing(err)
	}
	return err
}

// run reads the segment's headers and puts new indexes in the place of its old ones. Readers of the old
// segment find that it was replaced. Writes wait only while what was appended meanwhile is read.
func (r *indexRebuild) run(ctx context.Context) error {
	l, s := r.log, r.segment
	f, err := s.open()
	if err == nil {
		defer f.Close()
	}
	switch {
	case !s.isCurrent():
		return nil
	case err != nil:
		return err
	}
	l.mu.Lock()
	size, interval := s.size, l.config.IndexIntervalBytes
	l.mu.Unlock()
	fresh := newSegment(s.dir, s.base)
	fresh.next = s.base
	err = fresh.noteHeaders(ctx, f, size, interval)
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	switch {
	case !s.isCurrent():
		return nil // nor are its indexes needed
	case err != nil:
		return err
	}
	l.writing.Lock() // what comes behind is not written meanwhile
	defer l.writing.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := fresh.noteHeaders(ctx, f, s.written(), interval); err != nil {
		return err
	}
	return r.replace(fresh)
}

// noteHeaders goes on with a segment's indexes from s.size to size.
func (s *segment) noteHeaders(ctx context.Context, f *filecache.File, size, interval int64) error {
	for w := (headerWindow{file: f, limit: size}); s.size < size; {
		b, err := w.at(s.size)
		if err == nil && (b.BaseOffset() < s.next || s.size+int64(b.Size()) > size) {
			err = fault.New(fault.CorruptMessage, "no batch of offset %d or more begins at %d", s.next, s.size)
		}
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		s.note(b, interval)
		s.next = b.NextOffset()
		s.size += int64(b.Size())
	}
	return nil
}

// replace puts fresh, of which all entries are in memory, in the place of the segment. As in compaction.install the
// files and the segment change in one step for readers.
func (r *indexRebuild) replace(fresh *segment) error {
	l := r.log
	fresh.markTime()
	indexes := []struct {
		path  string
		index *sparseIndex
	}{
		{fresh.path(indexSuffix), &fresh.index},
		{fresh.path(timeIndexSuffix), &fresh.timeIndex},
	}
	for _, x := range indexes {
		if err := writeSynced(l.opt.FS, x.path+temporarySuffix, x.index.tail); err != nil {
			return err
		}
	}
	rename := func() error {
		for _, x := range indexes {
			if err := l.opt.FS.Rename(x.path+temporarySuffix, x.path); err != nil {
				return err
			}
			l.files.Forget(x.path)
			x.index.flushed, x.index.tail = int64(len(x.index.tail)), nil
		}
		return nil
	}
	if err := r.exchange(fresh, rename); err != nil {
		return err
	}
	return l.syncDir()
}

// exchange puts fresh in the place of the segment, if that is still there, when rename has changed the files.
func (r *indexRebuild) exchange(fresh *segment, rename func() error) error {
	l, s := r.log, r.segment
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.segments, s)
	if i < 0 || l.offline != nil {
		return l.offline
	}
	if err := rename(); err != nil {
		return err
	}
	fresh.dirty, fresh.timesChecked = s.dirty, true
	if i == len(l.segments)-1 {
		l.planned.marks += int64(fresh.index.marks() - s.index.marks())
	}
	l.replaceSegments(i, i+1, fresh)
	return nil
}
