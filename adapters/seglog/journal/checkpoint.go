package journal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

const (
	prewrite     = 1 << 20 // bytes that are pre-written by one call
	prewriteSync = 4 << 20 // bytes after which they are synced, so that a commit waits for no more than these
	// prepareAfter is how many bytes are journaled before a second file is pre-written: a broker that hardly writes needs
	// none.
	prepareAfter = 1 << 20
	// spareFiles is how many files are kept for the next groups before full ones are freed. All full files are freed
	// together, since each log that is in any of them has to sync.
	spareFiles = 2
	// SyncsAtOnce is how many logs sync at the same time in the background: a file system commits for many at once.
	SyncsAtOnce = 16
	// retryAfter is when files are tried again that could not be freed.
	retryAfter = time.Second
)

// checkpoint frees full files when few others are left, once their logs have synced what is in them, and keeps a
// pre-written file at hand, until stop.
func (fl *files) checkpoint() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for !fl.stopping {
		switch {
		case len(fl.full) > 0 && fl.failed == nil && (fl.starved || len(fl.free)+fl.opt.MaxFiles-fl.count < spareFiles):
			fl.freeFull()
		case fl.written >= prepareAfter && len(fl.free) == 0 && fl.mayGrow():
			fl.addReady()
		default:
			fl.changed.Wait()
		}
	}
}

// freeFull frees the files that are full, the oldest first. It is called with the lock held, and unlocks it for a
// while. After an error the files stay as they are, since their entries may be nowhere else: an error that passes is
// tried again, any other ends the journal.
func (fl *files) freeFull() {
	full := slices.Clone(fl.full)
	fl.mu.Unlock()
	_, err := fl.sync(full) // a log that has failed has logged it
	for _, f := range full {
		if err == nil {
			err = f.release()
		}
		if err != nil {
			break
		}
		if !f.ready {
			if err := fl.prepare(f); err != nil {
				fl.opt.Log.Error("journal file cannot be prepared", "path", f.path, "err", err)
			}
		}
		fl.mu.Lock()
		fl.full = fl.full[1:]
		fl.free = append(fl.free, f)
		fl.changed.Broadcast()
		fl.mu.Unlock()
	}
	fl.mu.Lock()
	if err != nil {
		fl.opt.Log.Error("journal files cannot be freed", "files", len(fl.full), "err", err)
		fl.pause(err)
	}
}

// pause stops freeing for a while, or for good if the error is not one that passes. Called with the lock held.
func (fl *files) pause(err error) {
	fl.failed = fmt.Errorf("journal files cannot be freed: %w", err)
	fl.pausing = disk.Passing(err)
	fl.changed.Broadcast()
	if !fl.pausing {
		return
	}
	fl.resume = time.AfterFunc(retryAfter, func() {
		fl.mu.Lock()
		defer fl.mu.Unlock()
		fl.failed = nil
		fl.changed.Broadcast()
	})
}

// addReady creates a file and pre-writes it. It is called with the lock held, and unlocks it for a while.
func (fl *files) addReady() {
	f := fl.another()
	fl.mu.Unlock()
	err := fl.create(f)
	if err == nil {
		err = f.writeHeader(stateFree)
	}
	if err == nil {
		err = fl.prepare(f)
	}
	if err != nil { // its space is needed elsewhere
		fl.opt.Log.Error("journal file cannot be prepared", "path", f.path, "err", errors.Join(err, fl.discard(f)))
	}
	fl.mu.Lock()
	if err != nil {
		fl.written = -1 << 62 // not tried again: the file in use serves as it is
		fl.count--
	} else {
		fl.free = append(fl.free, f)
	}
	fl.changed.Broadcast()
}

// sync makes the logs that have entries in the files sync. The entries of those that cannot are carried over, and
// unsynced says why they cannot; that alone is no err.
func (fl *files) sync(used []*file) (unsynced, err error) {
	logs := make(map[Log]ports.LogID)
	fl.mu.Lock()
	for _, f := range used {
		maps.Copy(logs, f.logs)
	}
	fl.mu.Unlock()
	var (
		syncing errgroup.Group
		mu      sync.Mutex
		results = make(map[ports.LogID]error)
	)
	syncing.SetLimit(SyncsAtOnce)
	for l, id := range logs {
		syncing.Go(func() error {
			err := l.Sync()
			mu.Lock()
			defer mu.Unlock()
			results[id] = errors.Join(results[id], err)
			return nil // the others go on
		})
	}
	_ = syncing.Wait() // nothing fails as a whole
	failed := make(map[ports.LogID]error)
	var whys []error
	for id, err := range results {
		if disk.Passing(err) {
			return nil, err
		}
		if err != nil { // which the log has logged
			failed[id] = err
			whys = append(whys, err)
		}
	}
	if len(failed) > 0 {
		if err := fl.carry(used, true, failed); err != nil {
			return nil, err
		}
		fl.forgetAll(used, failed)
	}
	return errors.Join(whys...), fl.opt.Freeing()
}

// forgetAll removes logs from the files: they need nothing of these any more.
func (fl *files) forgetAll(used []*file, gone map[ports.LogID]error) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for _, f := range used {
		maps.DeleteFunc(f.logs, func(_ Log, id ports.LogID) bool {
			_, is := gone[id]
			return is
		})
	}
}

// prepare writes the file's whole length once, so that later writes change data only, and no metadata.
func (fl *files) prepare(f *file) error {
	size, err := f.file.Size()
	if err != nil {
		return err
	}
	blank := make([]byte, prewrite)
	unsynced := 0
	for pos := size; pos < fl.opt.FileBytes; pos += prewrite {
		fl.mu.Lock()
		stopping := fl.stopping
		fl.mu.Unlock()
		if stopping {
			return nil
		}
		if _, err := f.file.WriteAt(blank[:min(prewrite, fl.opt.FileBytes-pos)], pos); err != nil {
			return err
		}
		if unsynced += prewrite; unsynced < prewriteSync && pos+prewrite < fl.opt.FileBytes {
			continue
		}
		if err := f.file.Sync(); err != nil {
			return err
		}
		unsynced = 0
	}
	f.ready = true
	return nil
}

// stop ends checkpoint.
func (fl *files) stop() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.stopping = true
	if fl.resume != nil {
		fl.resume.Stop()
	}
	fl.changed.Broadcast()
}

// freeAll frees every file after the last commit. The error may be that of logs whose entries are carried over.
func (fl *files) freeAll() error {
	used := fl.full
	if fl.current != nil {
		used = append(used, fl.current)
	}
	if len(used) == 0 {
		return nil
	}
	unsynced, err := fl.sync(used)
	if err != nil {
		return err
	}
	for _, f := range used {
		if err := f.release(); err != nil {
			return err
		}
	}
	return unsynced
}
