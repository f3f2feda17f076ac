package seglog

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// storedID returns the topic id of the log in dir; see the function of that name.
func (s *Store) storedID(dir string) (*metadata.TopicID, error) { return storedID(s.opt.FS, dir) }

// storedID returns the topic id of the log in dir, nil when there is no log. Where there are records and nothing names
// their topic, the error is fault.KafkaStorageError: only an operator can tell.
func storedID(fs disk.FS, dir string) (*metadata.TopicID, error) {
	path := filepath.Join(dir, partitionFile)
	content, err := readFile(fs, path)
	if err != nil {
		return nil, err
	}
	if content == nil {
		found, err := holdsRecords(fs, dir)
		if err != nil || !found {
			return nil, err
		}
		return nil, fault.New(fault.KafkaStorageError, "%s holds records, but no %s that says of which topic: "+
			"write that file with two lines, \"version: 0\" and \"topic_id: \" with the topic's id, "+
			"if they are of the topic that has this name now; otherwise move the directory away", dir, partitionFile)
	}
	id, err := checkpoint.ParseTopicID(content)
	if err != nil {
		return nil, fault.New(fault.KafkaStorageError,
			"%s is damaged, and says no more of which topic the records beside it are: %w", path, err)
	}
	return &id, nil
}

// holdsRecords reports whether there are segments in dir that are not empty.
func holdsRecords(fs disk.FS, dir string) (bool, error) {
	exists, err := fs.Exists(dir)
	if err != nil || !exists {
		return false, err
	}
	names, err := fs.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if _, ok := parseSegmentName(strings.TrimSuffix(name, swapSuffix), logSuffix); !ok {
			continue
		}
		f, err := fs.Open(filepath.Join(dir, name), false)
		if err != nil {
			return false, err
		}
		size, err := f.Size()
		if err := errors.Join(err, f.Close()); err != nil || size > 0 {
			return size > 0, err
		}
	}
	return false, nil
}

// Stored returns the logs that are on disk; see ports.LogStore.
func (s *Store) Stored() ([]ports.LogID, error) { return storedIn(s.opt.FS, s.opt.Dir) }

// StoredIn returns what Stored would return of a store in the data directory dir. It opens no store there and changes
// nothing, so that it can be asked before it is known whether a store may be opened.
func StoredIn(dir string) ([]ports.LogID, error) { return storedIn(disk.OS(), dir) }

func storedIn(fs disk.FS, dir string) ([]ports.LogID, error) {
	names, err := fs.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []ports.LogID
	for _, log := range names {
		name, ok := checkpoint.ParseLogName(log)
		if !ok {
			continue
		}
		id, err := storedID(fs, filepath.Join(dir, log))
		switch {
		case errors.Is(err, fault.KafkaStorageError):
			ids = append(ids, ports.LogID{Topic: name.Topic, Partition: name.Partition})
		case err == nil && id != nil:
			ids = append(ids, ports.LogID{Topic: name.Topic, TopicID: *id, Partition: name.Partition})
		}
	}
	return ids, nil
}
