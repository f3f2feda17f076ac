package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"

	"github.com/chronik-stream/chronik/core/ports"
)

// A log whose own files cannot be read or written, at a start or when its segments are synced, must not lose what the
// journal has of it, nor keep the journal's space from being used again. So its entries are carried over into a file of
// their own, which is synced before the others are freed. The file stays until all its logs have taken their entries:
// in this run, or when a later start replays it.

// carried is a file with what some logs still need.
type carried struct {
	file *file
	logs map[ports.LogID]struct{} // that have not taken their entries yet
}

// carry writes the entries that the needed logs have in from into a file of its own, durably. synced says whether all
// that is in these files is known to be synced. The new file takes the place of the last of them in the order of files.
func (fl *files) carry(from []*file, synced bool, needed map[ports.LogID]error) error {
	fl.mu.Lock()
	f := fl.another()
	fl.count--
	fl.mu.Unlock()
	f.epoch, f.key = from[len(from)-1].epoch, rand.Uint64()
	c := &carried{file: f, logs: make(map[ports.LogID]struct{})}
	err := fl.create(f)
	if err == nil {
		err = c.fill(from, synced, needed)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("carry over entries to %s: %w", f.path, err), fl.discard(f))
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.carried = append(fl.carried, c)
	return nil
}

// fill copies the entries. The file's header says that it has them only when all of them are there.
func (c *carried) fill(from []*file, synced bool, needed map[ports.LogID]error) error {
	if err := c.file.writeHeader(stateFree); err != nil {
		return err
	}
	pos := int64(headerSize)
	_, _, err := replayFiles(from, synced, func(e Entry) error {
		if _, wanted := needed[e.ID]; !wanted {
			return nil
		}
		c.logs[e.ID] = struct{}{}
		n, err := c.file.append(pos, e)
		pos += n
		return err
	})
	if err == nil {
		err = c.file.file.Sync()
	}
	if err == nil {
		err = c.file.writeHeader(stateCarried)
	}
	if err == nil {
		err = c.file.file.Sync()
	}
	return err
}

// append writes an entry at pos as it was read, damaged or not, and returns its size.
func (f *file) append(pos int64, e Entry) (int64, error) {
	sum := crc32.Checksum(e.Payload, castagnoli)
	if e.Damaged {
		sum = ^sum
	}
	h := appendHeader(nil, e.ID, e.Group, e.BaseOffset, e.Previous, len(e.Payload), sum)
	stamp(h, f.key)
	whole := padded(len(e.Payload))
	return int64(len(h) + whole), f.file.WritevAt([][]byte{h, e.Payload, zeros[:whole-len(e.Payload)]}, pos)
}

// discard removes a file, durably: a later start must not find it.
func (fl *files) discard(f *file) error {
	var err error
	if f.file != nil {
		err = f.file.Close()
		f.file = nil
	}
	return errors.Join(err, fl.fs.Remove(f.path), fl.fs.SyncDir(fl.dir))
}

// Carries reports whether the journal holds entries that the log could not take at the start.
func (j *Journal) Carries(id ports.LogID) bool {
	return len(j.files.carriedFor(id)) > 0
}

// carriedFor returns the files with entries of a log.
func (fl *files) carriedFor(id ports.LogID) []*carried {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	var found []*carried
	for _, c := range fl.carried {
		if _, waits := c.logs[id]; waits {
			found = append(found, c)
		}
	}
	return found
}

// Carried calls visit for the entries that a log could not take at the start, oldest first. Taken must be called when
// they are durable in the log's own files.
func (j *Journal) Carried(id ports.LogID, visit func(Entry) error) error {
	for _, c := range j.files.carriedFor(id) {
		_, _, err := replayFiles([]*file{c.file}, true, func(e Entry) error {
			if e.ID != id {
				return nil
			}
			return visit(e)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Taken notes that a log no longer needs what was carried for it. A file that no log needs is removed.
func (j *Journal) Taken(id ports.LogID) error {
	fl := j.files
	fl.mu.Lock()
	var unneeded []*file
	fl.carried = slices.DeleteFunc(fl.carried, func(c *carried) bool {
		delete(c.logs, id)
		if len(c.logs) > 0 {
			return false
		}
		unneeded = append(unneeded, c.file)
		return true
	})
	fl.mu.Unlock()
	var errs []error
	for _, f := range unneeded {
		errs = append(errs, f.release(), fl.discard(f))
	}
	return errors.Join(errs...)
}
