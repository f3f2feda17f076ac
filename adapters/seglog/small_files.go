package seglog

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

// logName is a log's name in a directory and in checkpoints.
type logName = checkpoint.LogName

func nameOf(id ports.LogID) logName { return logName{Topic: id.Topic, Partition: id.Partition} }

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

// replaceFile puts content in the place of the file at path, durably: after a crash there is the old one or the new
// one.
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
