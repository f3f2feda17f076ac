package seglog

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// storedID returns the topic id of the log in dir, nil when there is no log. Where there are records and nothing names
// their topic, the error is fault.KafkaStorageError: only an operator can tell.
func (s *Store) storedID(dir string) (*metadata.TopicID, error) {
	path := filepath.Join(dir, partitionFile)
	content, err := readFile(s.opt.FS, path)
	if err != nil {
		return nil, err
	}
	if content == nil {
		found, err := s.holdsRecords(dir)
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
func (s *Store) holdsRecords(dir string) (bool, error) {
	exists, err := s.opt.FS.Exists(dir)
	if err != nil || !exists {
		return false, err
	}
	names, err := s.opt.FS.ReadDir(dir)
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if _, ok := parseSegmentName(strings.TrimSuffix(name, swapSuffix), logSuffix); !ok {
			continue
		}
		f, err := s.opt.FS.Open(filepath.Join(dir, name), false)
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
func (s *Store) Stored() ([]ports.LogID, error) {
	names, err := s.opt.FS.ReadDir(s.opt.Dir)
	if err != nil {
		return nil, err
	}
	var ids []ports.LogID
	for _, dir := range names {
		name, ok := checkpoint.ParseLogName(dir)
		if !ok {
			continue
		}
		id, err := s.storedID(filepath.Join(s.opt.Dir, dir))
		switch {
		case errors.Is(err, fault.KafkaStorageError):
			ids = append(ids, ports.LogID{Topic: name.Topic, Partition: name.Partition})
		case err == nil && id != nil:
			ids = append(ids, ports.LogID{Topic: name.Topic, TopicID: *id, Partition: name.Partition})
		}
	}
	return ids, nil
}
