package seglog

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Indexes are hints: a search looks at the batch that an entry leads to, and goes through the segment from its
// beginning when that is another than the entry says. So what is read never depends on an index; one that has lied is
// made anew, beside the readers.

// mending is a segment whose indexes are to be made anew.
type mending struct {
	log     *Log
	segment *segment
	told    bool // the server's log says that it is tried again
}

// distrust notes that a segment's indexes do not tell the truth, and has them made anew.
func (l *Log) distrust(s *segment) {
	l.mu.Lock()
	// of one that was replaced a reader may see anything
	due := !s.distrusted && l.opened && !l.deleted && slices.Contains(l.segments, s)
	s.distrusted = true
	l.mu.Unlock()
	if due {
		l.store.haveMended(l, s)
	}
}

// noteOpened has the indexes made anew that opening the log has found to be wrong, and those
// that are found from now on.
func (l *Log) noteOpened() {
	l.mu.Lock()
	l.opened = true
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	for _, s := range segments {
		if s.distrusted {
			l.store.haveMended(l, s)
		}
	}
}

// haveMended hands a segment to mend.
func (s *Store) haveMended(l *Log, of *segment) {
	s.opt.Log.Warn("index does not tell the truth and is made anew", "topic", l.id.Topic, "partition", l.id.Partition,
		"segment", of.base)
	s.mu.Lock()
	s.lying = append(s.lying, mending{log: l, segment: of})
	s.mu.Unlock()
	select {
	case s.lies <- struct{}{}:
	default:
	}
}

// mendAgain is when an index is tried again that could not be made anew for want of descriptors or space.
const mendAgain = time.Second

// mend makes indexes anew that were found to be wrong, until ctx ends. What fails by an error that passes is tried
// again.
func (s *Store) mend(ctx context.Context) {
	var failed []mending
	for {
		var again <-chan time.Time
		if len(failed) > 0 {
			again = time.After(mendAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.lies:
		case <-again:
		}
		s.mu.Lock()
		lying := slices.Concat(failed, s.lying)
		s.lying, failed = nil, nil
		s.mu.Unlock()
		for _, m := range lying {
			if err := s.remake(ctx, &m); disk.Passing(err) {
				failed = append(failed, m)
			}
		}
	}
}

// remake makes a segment's indexes anew. It tells once of one that is tried again.
func (s *Store) remake(ctx context.Context, m *mending) error {
	log := s.opt.Log.With("topic", m.log.id.Topic, "partition", m.log.id.Partition, "segment", m.segment.base)
	err := m.log.remakeIndexes(ctx, m.segment)
	switch {
	case err == nil:
		log.InfoContext(ctx, "index was made anew")
	case ctx.Err() == nil && !m.told:
		log.ErrorContext(ctx, "index cannot be made anew, reads go without it", "tried_again", disk.Passing(err), "err", err)
		m.told = disk.Passing(err)
	}
	return err
}

// remakeIndexes reads a segment's headers and puts new indexes in the place of its old ones. Readers of the old
// segment find that it was replaced. Only what was written meanwhile is read with others kept waiting.
func (l *Log) remakeIndexes(ctx context.Context, s *segment) error {
	f, err := l.store.files.acquire(l.path(s.base, logSuffix), false)
	if err == nil {
		defer f.Close()
	}
	switch {
	case !l.holds(s):
		return nil
	case err != nil:
		return err
	}
	l.mu.Lock()
	size, interval := s.size, l.config.IndexIntervalBytes
	l.mu.Unlock()
	fresh := newSegment(s.base)
	fresh.next = s.base
	err = fresh.noteHeaders(ctx, f, size, interval)
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	switch {
	case !l.holds(s):
		return nil // nor are its indexes needed
	case err != nil:
		return err
	}
	l.writing.Lock() // what comes behind is not written meanwhile
	defer l.writing.Unlock()
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := fresh.noteHeaders(ctx, f, l.sizeOf(s), interval); err != nil {
		return err
	}
	return l.replaceIndexes(s, fresh)
}

// noteHeaders goes on with a segment's indexes from s.size to size.
func (s *segment) noteHeaders(ctx context.Context, f *openFile, size, interval int64) error {
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

// replaceIndexes puts fresh, of which all entries are in memory, in the place of s. As in install the files and the
// segment change in one step for readers.
func (l *Log) replaceIndexes(s, fresh *segment) error {
	fresh.markTime()
	fs := l.store.opt.FS
	indexes := []struct {
		path  string
		index *sparseIndex
	}{{l.path(s.base, indexSuffix), &fresh.index}, {l.path(s.base, timeIndexSuffix), &fresh.timeIndex}}
	for _, x := range indexes {
		if err := writeSynced(fs, x.path+temporarySuffix, x.index.tail); err != nil {
			return err
		}
	}
	if err := l.exchange(s, fresh, func() error {
		for _, x := range indexes {
			if err := fs.Rename(x.path+temporarySuffix, x.path); err != nil {
				return err
			}
			l.store.files.forget(x.path)
			x.index.flushed, x.index.tail = int64(len(x.index.tail)), nil
		}
		return nil
	}); err != nil {
		return err
	}
	return fs.SyncDir(l.dir())
}

// exchange puts fresh in the place of s, if that is still there, when rename has changed the files.
func (l *Log) exchange(s, fresh *segment, rename func() error) error {
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
	l.segments[i] = fresh
	return nil
}

// sizeOf returns how much of a segment is written.
func (l *Log) sizeOf(s *segment) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return s.size
}
