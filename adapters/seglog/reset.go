package seglog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// resetFile says that the log is to be empty and start at an offset, and up to which group the journal's entries are
// from before that. As long as it is there, nothing else in the directory counts.
const resetFile = "reset"

// ResetTo removes everything; the log is empty then and starts at start; see ports.Log. It waits until what was
// appended is durable.
func (l *Log) ResetTo(ctx context.Context, start int64) error {
	if start < 0 {
		return fault.New(fault.OffsetOutOfRange, "cannot reset %s to %d", l.name(), start)
	}
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	if err := l.awaitCommitted(ctx); err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.abandonCompaction()
	l.syncing.Lock()
	err := l.reset(ctx, start)
	l.syncing.Unlock()
	if err != nil {
		l.fail(err) // if the reset file was written, the next start completes the reset
		return err
	}
	l.announceStart()
	return nil
}

// reset writes the reset file, from when on the reset is decided, and then carries it out.
func (l *Log) reset(ctx context.Context, start int64) error {
	if err := l.offlineError(); err != nil {
		return err
	}
	group := l.store.journal.Group()
	if err := l.retry(ctx, func() error {
		return l.replaceFile(resetFile, fmt.Appendf(nil, "%d %d", start, group))
	}); err != nil {
		return err
	}
	// Readers find nothing from now on, so the files of the old segments may go.
	l.mu.Lock()
	l.beginAt(start)
	l.mu.Unlock()
	l.state.Clear()
	return l.retry(ctx, func() error { return l.makeReset(start, group) })
}

// beginAt makes the log an empty one that starts at start. Called with the log's lock held.
func (l *Log) beginAt(start int64) {
	l.replaceSegments(0, len(l.segments), newSegment(&l.directory, start))
	l.start = start
	l.endAt(start)
	l.indexPoint, l.volatileEnd = start, start
	l.sinceFlush, l.firstUnsynced = 0, time.Time{}
	l.recent.forget()
	l.dropped, l.halfCreated = nil, false // their files go with all others
}

// makeReset carries out a reset on disk that was decided. It can be repeated.
func (l *Log) makeReset(start int64, group uint64) error {
	fs := l.opt.FS
	names, err := fs.ReadDir(l.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == partitionFile || name == resetFile || strings.HasSuffix(name, deletedSuffix) {
			continue
		}
		path := l.file(name)
		if err := fs.Remove(path); err != nil {
			return err
		}
		l.files.Forget(path)
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
	if err := fs.Remove(l.file(resetFile)); err != nil {
		return err
	}
	return l.syncDir()
}

// finishReset completes a reset that a crash has interrupted. ok is false when there is none.
func (l *Log) finishReset() (start int64, ok bool, err error) {
	content, err := l.readFile(resetFile)
	if err != nil || content == nil {
		return 0, false, err
	}
	var group uint64
	if _, err := fmt.Sscanf(string(content), "%d %d", &start, &group); err != nil || start < 0 {
		return 0, false, fault.New(fault.CorruptMessage, "%s says %q, not where the log starts",
			l.file(resetFile), content)
	}
	return start, true, l.makeReset(start, group)
}
