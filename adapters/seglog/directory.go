package seglog

import (
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/ports"
)

// directory is the directory of one log, and what the log and its segments share: how files are opened, and the lock
// that guards them. The small files beside the segments are read and written here.
type directory struct {
	opt   *Options
	files *filecache.Cache
	id    ports.LogID
	dir   string // the path

	mu      sync.Mutex     // guards the fields of the Log and of its segments
	deleted bool           // under mu
	rebuild func(*segment) // has wrong indexes built again, nil until the log is open; under mu

	indexing sync.Mutex // held while new index entries are written
}

func (d *directory) name() logName { return nameOf(d.id) }

// path returns the path of the file of the segment at base with this suffix.
func (d *directory) path(base int64, suffix string) string {
	return d.file(segmentName(base, suffix))
}

// file returns the path of a file in the directory.
func (d *directory) file(name string) string { return d.dir + string(filepath.Separator) + name }

// createSegmentFiles creates the files of a new segment: Kafka's tools expect all three.
func (d *directory) createSegmentFiles(base int64) error {
	for _, suffix := range []string{logSuffix, indexSuffix, timeIndexSuffix} {
		f, err := d.files.Acquire(d.path(base, suffix), true)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return d.syncDir()
}

// removeSegment removes a segment's files at once.
func (d *directory) removeSegment(base int64) error {
	for _, suffix := range append(slices.Clip(suffixes), snapshotSuffix) {
		path := d.path(base, suffix)
		if err := d.opt.FS.Remove(path); err != nil {
			return err
		}
		d.files.Forget(path)
	}
	return nil
}

// syncDir makes the names in the directory durable.
func (d *directory) syncDir() error { return d.opt.FS.SyncDir(d.dir) }

// readFile returns the content of a small file, nil when it is missing.
func (d *directory) readFile(name string) ([]byte, error) { return readFile(d.opt.FS, d.file(name)) }

// replaceFile replaces a small file, durably.
func (d *directory) replaceFile(name string, content []byte) error {
	return replaceFile(d.opt.FS, d.file(name), content)
}

// writeEpochs writes the leader epoch checkpoint. It holds nothing that the batches themselves do not say: a log whose
// checkpoint is missing or torn reads it from them. So the first one, which every new log writes, needs no sync.
func (d *directory) writeEpochs(content []byte) error {
	path := d.file(epochFile)
	exists, err := d.opt.FS.Exists(path)
	if err != nil {
		return err
	}
	if exists {
		return replaceFile(d.opt.FS, path, content)
	}
	f, err := d.opt.FS.Open(path, true)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	return errors.Join(err, f.Close())
}

// writeSnapshot writes the producers' state at offset.
func (d *directory) writeSnapshot(offset int64, content []byte) error {
	return d.replaceFile(segmentName(offset, snapshotSuffix), content)
}

// snapshots returns the offsets of the producer snapshots.
func (d *directory) snapshots() ([]int64, error) {
	names, err := d.opt.FS.ReadDir(d.dir)
	if err != nil {
		return nil, err
	}
	var all []int64
	for _, name := range names {
		if at, ok := parseSegmentName(name, snapshotSuffix); ok {
			all = append(all, at)
		}
	}
	return all, nil
}

// removeSnapshots removes producer snapshots, durably.
func (d *directory) removeSnapshots(offsets []int64) error {
	if len(offsets) == 0 {
		return nil
	}
	for _, at := range offsets {
		if err := d.opt.FS.Remove(d.path(at, snapshotSuffix)); err != nil {
			return err
		}
	}
	return d.syncDir()
}

// floorFile says up to which group the journal's entries are from before a truncation.
const floorFile = "journal-floor"

// readFloor returns the floor that a truncation or reset has left, 0 for none.
func (d *directory) readFloor() (uint64, error) {
	content, err := d.readFile(floorFile)
	if err != nil || content == nil {
		return 0, err
	}
	return strconv.ParseUint(string(content), 10, 64)
}

// writeFloor has the next replay skip what the journal holds of the log, up to a group.
func (d *directory) writeFloor(group uint64) error {
	return d.replaceFile(floorFile, strconv.AppendUint(nil, group, 10))
}

// removeFloor removes the floor, durably.
func (d *directory) removeFloor() error {
	if err := d.opt.FS.Remove(d.file(floorFile)); err != nil {
		return err
	}
	return d.syncDir()
}

// unappliedFile holds entries of the journal that could not be applied to the log: its presence keeps the log offline.
const unappliedFile = "unapplied.batches"

// keepUnapplied saves the batches of an entry, durably.
func (d *directory) keepUnapplied(payload []byte) error {
	f, err := d.opt.FS.Open(d.file(unappliedFile), true)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt(payload, size)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close(), d.syncDir())
}

// syncFailedFile says that a sync of a segment has failed. What was written is lost then, though it can be read as
// long as the machine runs, and another sync would succeed without having written it: the next start writes it again.
const syncFailedFile = "sync-failed"

// syncRecords syncs a segment's .log file, and notes in the directory when that fails.
func (d *directory) syncRecords(f *filecache.File) error {
	err := f.Sync()
	if err != nil {
		if noting := d.replaceFile(syncFailedFile, nil); noting != nil {
			d.opt.Log.Error("failed sync cannot be noted", "topic", d.id.Topic, "partition", d.id.Partition, "err", noting)
		}
	}
	return err
}
