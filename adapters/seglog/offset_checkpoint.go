package seglog

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// offsetCheckpoint is a file that holds an offset for each log of the data directory, and the content that it is to
// have. A change counts as unwritten until a write has succeeded, whatever fails meanwhile. Guarded by Store.mu; the
// file is written with Store.checkpoints held.
type offsetCheckpoint struct {
	name string
	// loss is what the logs lose without the file. Such a file is kept twice, and when both are damaged the store does
	// not open. Empty for a file whose loss costs time only.
	loss    string
	of      map[logName]int64
	changed int64 // how often of was changed
	written int64 // how many of these changes are in the file
}

// copySuffix is the ending of the second file of a checkpoint that is kept twice.
const copySuffix = ".copy"

// set notes a log's offset.
func (c *offsetCheckpoint) set(name logName, offset int64) {
	if old, ok := c.of[name]; !ok || old != offset {
		c.of[name] = offset
		c.changed++
	}
}

// remove removes a log.
func (c *offsetCheckpoint) remove(name logName) {
	if _, ok := c.of[name]; ok {
		delete(c.of, name)
		c.changed++
	}
}

// read reads what an earlier run has left in dir. A damaged or missing file of the two is written with the next change.
func (c *offsetCheckpoint) read(fs disk.FS, dir string, log *slog.Logger) error {
	path := filepath.Join(dir, c.name)
	first := readOffsets(fs, path)
	if c.loss == "" {
		if first.err != nil {
			log.Warn("ignoring a damaged checkpoint file", "path", path, "err", first.err)
			first.of = make(map[logName]int64)
		}
		c.of = first.of
		return nil
	}
	second := readOffsets(fs, path+copySuffix)
	switch {
	case first.sound():
		c.of = first.of
	case second.sound():
		log.Error("checkpoint file is missing or damaged, using its copy", "path", path, "err", first.err)
		c.of = second.of
	case first.err == nil && second.err == nil: // a new directory
		c.of = first.of
	default:
		return fault.New(fault.KafkaStorageError,
			"%s cannot be read, and there is no sound %s: bring one of them back, or remove both: then %s: %w", path,
			c.name+copySuffix, c.loss, errors.Join(first.err, second.err))
	}
	if !first.sealed || !bytes.Equal(first.content, second.content) {
		c.changed++
	}
	return nil
}

// offsetFile is what was read of an offset checkpoint.
type offsetFile struct {
	content []byte // nil: it is missing
	of      map[logName]int64
	sealed  bool // it has a checksum
	err     error
}

// sound reports whether there is such a file and it can be believed.
func (f *offsetFile) sound() bool { return f.err == nil && f.content != nil }

func readOffsets(fs disk.FS, path string) (f offsetFile) {
	if f.content, f.err = readFile(fs, path); f.err == nil {
		f.of, f.sealed, f.err = checkpoint.ParseOffsets(f.content)
	}
	return f
}

// place puts content in the place of the file, and of its copy. The caller syncs the directory.
func (c *offsetCheckpoint) place(fs disk.FS, dir string, content []byte) error {
	err := placeFile(fs, filepath.Join(dir, c.name), content)
	if c.loss != "" {
		err = errors.Join(err, placeFile(fs, filepath.Join(dir, c.name+copySuffix), content))
	}
	return err
}
