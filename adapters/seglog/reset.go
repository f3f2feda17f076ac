package seglog

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// resetFile says that the log is to begin anew: at which offset, and up to which group the journal's entries are from
// before. As long as it is there, nothing else in the directory counts.
const resetFile = "reset"

// ResetTo drops everything and has the log begin anew at start; see ports.Log. It waits until
// what was appended is durable.
func (l *Log) ResetTo(ctx context.Context, start int64) error {
	if start < 0 {
		return fault.New(fault.OffsetOutOfRange, "cannot begin %s anew at %d", l.name(), start)
	}
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	if err := l.awaitQuiet(ctx); err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.abandonCompaction()
	l.syncing.Lock()
	err := l.reset(ctx, start)
	l.syncing.Unlock()
	if err != nil {
		l.fail(err) // the next start completes it, if it is decided
		return err
	}
	l.tellStart()
	return nil
}

// reset decides on a new beginning, durably, and then makes it.
func (l *Log) reset(ctx context.Context, start int64) error {
	if err := l.offlineError(); err != nil {
		return err
	}
	group := l.store.journal.Group()
	if err := l.persist(ctx, func() error {
		return replaceFile(l.store.opt.FS, filepath.Join(l.dir(), resetFile), fmt.Appendf(nil, "%d %d", start, group))
	}); err != nil {
		return err
	}
	// Who reads finds nothing from now on; the files of the old segments may go.
	l.mu.Lock()
	l.begin(start)
	l.mu.Unlock()
	l.state.Clear()
	return l.persist(ctx, func() error { return l.makeReset(start, group) })
}

// begin makes the log an empty one that begins at start. Called with the log's lock held.
func (l *Log) begin(start int64) {
	l.segments = []*segment{newSegment(start)}
	l.start = start
	l.endAt(start)
	l.indexPoint, l.volatileEnd = start, start
	l.sinceFlush, l.firstUnsynced = 0, time.Time{}
	l.recent.forget()
	l.dropped, l.halfBegun = nil, false // their files go with all others
}

// makeReset makes a new beginning on disk that was decided. It can be repeated.
func (l *Log) makeReset(start int64, group uint64) error {
	fs := l.store.opt.FS
	names, err := fs.ReadDir(l.dir())
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == partitionFile || name == resetFile || strings.HasSuffix(name, deletedSuffix) {
			continue
		}
		path := filepath.Join(l.dir(), name)
		if err := fs.Remove(path); err != nil {
			return err
		}
		l.store.files.forget(path)
	}
	if err := l.writeFloor(group); err != nil {
		return err
	}
	if err := l.createSegmentFiles(start); err != nil {
		return err
	}
	if err := l.store.resetCheckpoints(l.name(), start); err != nil {
		return err
	}
	if err := fs.Remove(filepath.Join(l.dir(), resetFile)); err != nil {
		return err
	}
	return fs.SyncDir(l.dir())
}

// finishReset makes a new beginning that a crash has interrupted. ok is false when there is none.
func (l *Log) finishReset() (start int64, ok bool, err error) {
	content, err := readFile(l.store.opt.FS, filepath.Join(l.dir(), resetFile))
	if err != nil || content == nil {
		return 0, false, err
	}
	var group uint64
	if _, err := fmt.Sscanf(string(content), "%d %d", &start, &group); err != nil || start < 0 {
		return 0, false, fault.New(fault.CorruptMessage, "%s says %q, not where the log begins",
			filepath.Join(l.dir(), resetFile), content)
	}
	return start, true, l.makeReset(start, group)
}
