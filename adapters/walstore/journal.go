package walstore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// journal keeps images in Badger. Its keeper goroutine writes snapshots, syncs what was not synced, and
// collects the value log's garbage.
type journal struct {
	set       Settings
	log       *slog.Logger
	db        *database
	guard     *guard
	snapshots snapshots

	last   atomic.Pointer[metadata.Image] // committed last
	failed atomic.Pointer[error]          // what stopped the keeper from syncing: nothing is committed any more

	// The committer's: what came since the last snapshot, rotation and sync.
	commands           int
	bytes, rotateBytes int64
	unsynced           int64

	wake       chan errand
	stopKeeper func() // does nothing when the keeper has ended
}

// errand is what the keeper has to do.
type errand uint8

const (
	snapshotErrand errand = iota
	rotateErrand
)

func startJournal(
	set Settings, log *slog.Logger, db *database, g *guard, s snapshots, img *metadata.Image,
) *journal {
	j := &journal{
		set: set, log: log, db: db, guard: g, snapshots: s,
		wake: make(chan errand, 2),
	}
	j.last.Store(img)
	j.startKeeper(img.Index())
	return j
}

// startKeeper starts the keeper; index is that of the newest snapshot or of the image at the start.
func (j *journal) startKeeper(index uint64) {
	stop, ended := make(chan struct{}), make(chan struct{})
	j.stopKeeper = sync.OnceFunc(func() {
		close(stop)
		<-ended
	})
	go func() {
		defer close(ended)
		j.keep(index, stop)
	}()
}

// Commit implements metalog.Journal: one Badger transaction, one sync.
func (j *journal) Commit(img *metadata.Image, changed []metadata.Entity, commands int) error {
	err := j.commit(space.Metadata, img, changed, commands, nil)
	if err != nil && !errors.Is(err, metalog.ErrNotTried) {
		j.log.Error("metadata cannot be changed any more, look at the disk and restart the broker", "err", err)
	}
	return err
}

// commit commits the note, too, unless it is nil, with the space that a use has.
func (j *journal) commit(
	use space.Use, img *metadata.Image, changed []metadata.Entity, commands int, note []byte,
) error {
	if failed := j.failed.Load(); failed != nil {
		return *failed
	}
	changes, err := changesOf(img, changed, note)
	if err != nil {
		return err
	}
	s := sizesOf(changes)
	if err := j.db.write(use, changes, s); err != nil {
		return err
	}
	j.last.Store(img)
	if err := j.noteDurable(img, s.content); err != nil {
		return err
	}
	j.commands += commands
	j.bytes += s.content
	j.rotateBytes += s.content
	switch checkpoint := j.set.Checkpoint; {
	case j.rotateBytes >= j.set.Rotation.MaxSegmentSize:
		j.send(rotateErrand)
		j.commands, j.bytes, j.rotateBytes = 0, 0, 0
	case checkpoint.Enabled && (j.commands >= checkpoint.IntervalRecords || j.bytes >= checkpoint.IntervalBytes):
		j.send(snapshotErrand)
		j.commands, j.bytes = 0, 0
	}
	return nil
}

// noteDurable records in the guard how far the store has come. Without fsync, that is as far as the last sync.
func (j *journal) noteDurable(img *metadata.Image, size int64) error {
	if !j.set.Fsync.Enabled {
		if j.unsynced += size; j.unsynced < j.set.FlushThreshold {
			return nil // the keeper syncs it after FlushInterval
		}
		j.unsynced = 0
		if err := j.db.Sync(); err != nil {
			return err
		}
	}
	return j.guard.reached(img.Index())
}

// send gives the keeper an errand, unless it has as many already.
func (j *journal) send(e errand) {
	select {
	case j.wake <- e:
	default:
	}
}

// Close implements metalog.Journal. When nothing can be written to the database's directory, the database is not
// closed: Badger would try for ever, or end the process. Its log has everything, and the next start reads that.
func (j *journal) Close(img *metadata.Image) error {
	j.stopKeeper()
	if err := j.writable(); err != nil {
		return errors.Join(fmt.Errorf("metadata database not closed: %w", err), j.db.Sync(), j.guard.close())
	}
	err := j.db.Close() // Badger syncs what it has
	if err == nil {
		err = j.guard.reached(img.Index())
	}
	return errors.Join(err, j.guard.close())
}

// keep is the keeper, until stop is closed.
func (j *journal) keep(index uint64, stop <-chan struct{}) {
	rotate := time.NewTicker(j.set.Rotation.MaxSegmentAge)
	defer rotate.Stop()
	var flush <-chan time.Time
	if !j.set.Fsync.Enabled {
		ticker := time.NewTicker(j.set.FlushInterval)
		defer ticker.Stop()
		flush = ticker.C
	}
	flushed := index
	for {
		select {
		case e := <-j.wake:
			index = j.snapshot(index)
			if e == rotateErrand {
				j.collectGarbage()
				rotate.Reset(j.set.Rotation.MaxSegmentAge)
			}
		case <-rotate.C:
			index = j.snapshot(index)
			j.collectGarbage()
		case <-flush:
			flushed = j.flush(flushed)
		case <-stop:
			j.snapshot(index)
			return
		}
	}
}

// snapshot writes a snapshot of the newest image unless it has index, and returns the newest snapshot's
// index. Without one the store is as durable as before, only harder to restore: an error is logged.
func (j *journal) snapshot(index uint64) uint64 {
	img := j.last.Load()
	if img.Index() == index {
		return index
	}
	err := room(j.set, space.Internal, j.snapshots.likelySize())
	if err == nil {
		err = j.db.Sync() // no snapshot may be ahead of what Open will find
	}
	if err == nil {
		err = errors.Join(j.snapshots.write(img), j.guard.sync())
	}
	if err != nil {
		j.log.Error("metadata snapshot not written", "err", err)
		return index
	}
	return img.Index()
}

// flush syncs what was committed after index, and returns the index up to which all is synced.
func (j *journal) flush(index uint64) uint64 {
	img := j.last.Load()
	if img.Index() == index {
		return index
	}
	if err := j.db.Sync(); err != nil {
		j.log.Error("metadata not synced", "err", err)
		j.failed.Store(&err)
		return index
	}
	return img.Index()
}

func (j *journal) collectGarbage() {
	err := room(j.set, space.Internal, j.set.SegmentSize) // live values are rewritten before the old file goes
	if err == nil {
		err = j.db.collectGarbage(j.snapshots.likelySize())
	}
	if err != nil && !errors.Is(err, badger.ErrNoRewrite) && !errors.Is(err, badger.ErrRejected) {
		j.log.Warn("metadata value log not collected", "err", err)
	}
}
