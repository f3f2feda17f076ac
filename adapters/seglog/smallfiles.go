package seglog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// The small files beside the segments, Kafka's own in name and form.
const (
	epochFile     = "leader-epoch-checkpoint"
	partitionFile = "partition.metadata"
	recoveryFile  = "recovery-point-offset-checkpoint" // of all logs: below is synced
	// of all logs, and not one of Kafka's: below the indexes are synced too
	indexFile         = "index-point-offset-checkpoint"
	logStartFile      = "log-start-offset-checkpoint" // of all logs: below is deleted
	cleanerFile       = "cleaner-offset-checkpoint"   // of all logs: below is compacted
	cleanShutdownFile = ".kafka_cleanshutdown"
)

// readFile returns a small file's content, nil when it is missing.
func readFile(fs disk.FS, path string) ([]byte, error) {
	f, err := fs.Open(path, false)
	if err != nil {
		if missing(err) {
			err = nil
		}
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	buf := make([]byte, size)
	if _, err := f.ReadAt(buf, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return buf, nil
}

// replaceFile puts content in the place of the file at path, durably: after a crash there is
// the old one or the new one.
func replaceFile(fs disk.FS, path string, content []byte) error {
	if err := placeFile(fs, path, content); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(path))
}

// placeFile is replaceFile without the sync of the directory, which is the caller's.
func placeFile(fs disk.FS, path string, content []byte) error {
	if err := writeSynced(fs, path+temporarySuffix, content); err != nil {
		return err
	}
	return fs.Rename(path+temporarySuffix, path)
}

// temporarySuffix is the ending of a file that is not complete. A start removes it.
const temporarySuffix = ".tmp"

// writeSynced writes a new file. Its name is not durable, its content is.
func writeSynced(fs disk.FS, path string, content []byte) error {
	if err := fs.Remove(path); err != nil {
		return err
	}
	f, err := fs.Open(path, true)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// formatEpochs writes a leader epoch checkpoint: version 0, the number of lines, then epoch and start offset.
func formatEpochs(entries []partition.EpochStart) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "0\n%d\n", len(entries))
	for _, e := range entries {
		fmt.Fprintf(&b, "%d %d\n", e.Epoch, e.Start)
	}
	return b.Bytes()
}

// parseEpochs reads what formatEpochs writes.
func parseEpochs(content []byte) ([]partition.EpochStart, error) {
	var entries []partition.EpochStart
	err := parseCheckpoint(content, 2, func(fields []string) error {
		epoch, err1 := strconv.ParseInt(fields[0], 10, 32)
		start, err2 := strconv.ParseInt(fields[1], 10, 64)
		entries = append(entries, partition.EpochStart{Epoch: int32(epoch), Start: start})
		return errors.Join(err1, err2)
	})
	return entries, err
}

// logName is a log's name in a directory and in checkpoints.
type logName struct {
	topic     string
	partition int32
}

func (n logName) String() string { return n.topic + "-" + strconv.Itoa(int(n.partition)) }

// parseLogName reads <topic>-<partition>.
func parseLogName(dir string) (logName, bool) {
	i := strings.LastIndexByte(dir, '-')
	if i <= 0 {
		return logName{}, false
	}
	p, err := strconv.ParseInt(dir[i+1:], 10, 32)
	if err != nil || p < 0 || strconv.FormatInt(p, 10) != dir[i+1:] {
		return logName{}, false
	}
	return logName{dir[:i], int32(p)}, true
}

// parseCheckpoint reads the lines of a checkpoint file. Nothing at all is an empty one.
func parseCheckpoint(content []byte, fields int, line func([]string) error) error {
	if len(content) == 0 {
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	header := [2]int{}
	for i := range header {
		if !lines.Scan() {
			return fault.New(fault.CorruptMessage, "checkpoint ends in its header")
		}
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return fault.New(fault.CorruptMessage, "checkpoint header: %w", err)
		}
		header[i] = n
	}
	if header[0] != 0 {
		return fault.New(fault.CorruptMessage, "checkpoint has version %d, known is 0", header[0])
	}
	count := 0
	for ; lines.Scan(); count++ {
		parts := strings.Fields(lines.Text())
		if len(parts) != fields {
			return fault.New(fault.CorruptMessage, "checkpoint line %q has %d fields, not %d", lines.Text(), len(parts), fields)
		}
		if err := line(parts); err != nil {
			return fault.New(fault.CorruptMessage, "checkpoint line %q: %w", lines.Text(), err)
		}
	}
	if count != header[1] || lines.Err() != nil {
		return fault.New(fault.CorruptMessage, "checkpoint has %d lines of %d", count, header[1])
	}
	return nil
}

// formatPartition writes partition.metadata, which ties a directory to its topic's id (KIP-516).
func formatPartition(id metadata.TopicID) []byte {
	return fmt.Appendf(nil, "version: 0\ntopic_id: %s", id)
}

// parsePartition reads what formatPartition writes.
func parsePartition(content []byte) (metadata.TopicID, error) {
	for line := range strings.Lines(string(content)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "topic_id: "); ok {
			return metadata.ParseTopicID(text)
		}
	}
	return metadata.TopicID{}, fault.New(fault.CorruptMessage, "%s names no topic id", partitionFile)
}
