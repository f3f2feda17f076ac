package journal

import (
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"
)

const (
	prewrite     = 1 << 20 // bytes that are pre-written at once
	prewriteSync = 4 << 20 // and after how many they are synced, so that a commit waits for no more
	// prepareAfter is how many bytes are journaled before a second file is pre-written: a broker that hardly
	// writes needs none.
	prepareAfter = 1 << 20
	// spareFiles is how many files are kept to be written to next, while others can be freed later: all that are full are freed
	// together then, for each log that is in any of them has to sync.
	spareFiles = 2
	// SyncsAtOnce is how many logs sync together in the background: a file system commits what it has to for many at once.
	SyncsAtOnce = 16
)

// checkpoint frees full files when few others are left, once their logs have synced what is in them, and keeps a pre-written file at
// hand, until stop.
func (fl *files) checkpoint() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for !fl.stopping {
		switch {
		case len(fl.full) > 0 && (fl.starved || len(fl.free)+fl.opt.MaxFiles-fl.count < spareFiles):
			fl.freeFull()
		case fl.written >= prepareAfter && len(fl.free) == 0 && fl.mayGrow():
			fl.addReady()
		default:
			fl.changed.Wait()
		}
	}
}

// freeFull frees the files that are full, the oldest first. It is called with the lock held, and gives it up for a while.
func (fl *files) freeFull() {
	full := slices.Clone(fl.full)
	fl.mu.Unlock()
	err := fl.sync(full)
	fl.mu.Lock()
	for _, f := range full {
		fl.mu.Unlock()
		if err == nil {
			err = f.release()
		}
		if err == nil && !f.ready {
			if err := fl.prepare(f); err != nil {
				fl.opt.Log.Error("journal file cannot be prepared", "path", f.path, "err", err)
			}
		}
		fl.mu.Lock()
		fl.full = fl.full[1:]
		if err != nil {
			// What the file holds may be nowhere else: it stays as it is, for the next start to replay.
			fl.opt.Log.Error("journal file cannot be freed", "path", f.path, "err", err)
			fl.kept = append(fl.kept, f)
			fl.count--
		} else {
			fl.free = append(fl.free, f)
		}
		fl.changed.Broadcast()
	}
}

// addReady makes a file and pre-writes it. It is called with the lock held, and gives it up for a while.
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
	fl.mu.Lock()
	if err != nil {
		fl.opt.Log.Error("journal file cannot be prepared", "path", f.path, "err", err)
		fl.written = -1 << 62 // not tried again: the file in use serves as it is
		fl.kept = append(fl.kept, f)
		fl.count--
	} else {
		fl.free = append(fl.free, f)
	}
	fl.changed.Broadcast()
}

// sync has the files' logs sync, and remembers that they have.
func (fl *files) sync(used []*file) error {
	logs := make(map[Log]struct{})
	fl.mu.Lock()
	for _, f := range used {
		maps.Copy(logs, f.logs)
	}
	fl.mu.Unlock()
	var syncing errgroup.Group
	syncing.SetLimit(SyncsAtOnce)
	for l := range logs {
		syncing.Go(l.Sync)
	}
	if err := syncing.Wait(); err != nil {
		return err
	}
	return fl.opt.Freeing()
}

// prepare writes the file's whole length once, so that later writes change nothing but data.
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
	fl.changed.Broadcast()
}

// settle frees every file after the last commit.
func (fl *files) settle() error {
	used := fl.full
	if fl.current != nil {
		used = append(used, fl.current)
	}
	if len(used) == 0 {
		return nil
	}
	if err := fl.sync(used); err != nil {
		return err
	}
	for _, f := range used {
		if err := f.release(); err != nil {
			return err
		}
	}
	return nil
}
