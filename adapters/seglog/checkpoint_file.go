package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// offsetCheckpoint is a file that holds an offset for each log of the data directory, and what it is to hold. A change
// stays one that is to be written until it was, whatever fails meanwhile. Guarded by Store.mu; the file is written
// with Store.checkpoints held.
type offsetCheckpoint struct {
	name string
	// loss is what the logs lose without the file. Such a file is kept twice, and when both are damaged the store does
	// not open; empty for a file whose loss costs time only.
	loss             string
	of               map[logName]int64
	changed, written int64 // how often of was changed, and how many of these changes are in the file
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

// remove takes a log out.
func (c *offsetCheckpoint) remove(name logName) {
	if _, ok := c.of[name]; ok {
		delete(c.of, name)
		c.changed++
	}
}

// read reads what an earlier run has left in dir. What it has to mend is written with the next change.
func (c *offsetCheckpoint) read(fs disk.FS, dir string, log *slog.Logger) error {
	path := filepath.Join(dir, c.name)
	first := readOffsets(fs, path)
	if c.loss == "" {
		if first.err != nil {
			log.Warn("checkpoint is passed over", "file", path, "err", first.err)
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
		log.Error("checkpoint is missing or damaged: its copy is used", "file", path, "err", first.err)
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
		f.of, f.sealed, f.err = parseOffsets(f.content)
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

// sealName is the name of the last line of an offset checkpoint, whose offset is the CRC-32C of what is above. Kafka
// has no such topic: its tools and its brokers read the line and pass over it.
const sealName = "#crc32c"

// formatOffsets writes an offset checkpoint: version 0, the number of lines, then topic, partition and offset.
func formatOffsets(offsets map[logName]int64) []byte {
	names := make([]logName, 0, len(offsets))
	for n := range offsets {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b logName) int {
		if c := strings.Compare(a.topic, b.topic); c != 0 {
			return c
		}
		return int(a.partition) - int(b.partition)
	})
	var b bytes.Buffer
	fmt.Fprintf(&b, "0\n%d\n", len(names)+1)
	for _, n := range names {
		fmt.Fprintf(&b, "%s %d %d\n", n.topic, n.partition, offsets[n])
	}
	fmt.Fprintf(&b, "%s 0 %d\n", sealName, crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes()
}

// parseOffsets reads what formatOffsets writes; nil is a missing file, which is an empty one. sealed is false when it
// has no checksum, as Kafka's own. Error: fault.CorruptMessage.
func parseOffsets(content []byte) (offsets map[logName]int64, sealed bool, err error) {
	offsets = make(map[logName]int64)
	if content == nil {
		return offsets, true, nil
	}
	if len(content) == 0 {
		return nil, false, fault.New(fault.CorruptMessage, "checkpoint is empty")
	}
	err = parseCheckpoint(content, 3, func(fields []string) error {
		p, err1 := strconv.ParseInt(fields[1], 10, 32)
		o, err2 := strconv.ParseInt(fields[2], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		switch {
		case sealed:
			return fault.New(fault.CorruptMessage, "a line behind the checksum")
		case fields[0] == sealName:
			sealed = true
			above := content[:bytes.LastIndex(content, []byte(sealName))]
			if sum := crc32.Checksum(above, castagnoli); int64(sum) != o {
				return fault.New(fault.CorruptMessage, "the checksum of what is above is %d", sum)
			}
			return nil
		case p < 0 || o < 0:
			return fault.New(fault.CorruptMessage, "no partition, or no offset")
		}
		if err := metadata.ValidateTopicName(fields[0]); err != nil {
			return err
		}
		offsets[logName{fields[0], int32(p)}] = o
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return offsets, sealed, nil
}
