package seglog

import (
	"path/filepath"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
)

// A proper stop leaves Kafka's mark, .kafka_cleanshutdown, when every log of the directory is known to be whole.
// Otherwise it leaves the names of those that are not: logs that have failed, and those that were not opened since a
// crash. The next start checks these. Kafka would check all, as after a crash.

// uncheckedFile names the logs that have to be checked after a proper stop, too. It is an offset checkpoint whose
// offsets mean nothing.
const uncheckedFile = "unchecked-logs"

// readStop finds out which logs have to be checked, and removes the marks of the last stop.
func (s *Store) readStop() error {
	fs := s.opt.FS
	marks := []string{filepath.Join(s.opt.Dir, cleanShutdownFile), filepath.Join(s.opt.Dir, uncheckedFile)}
	clean, err := fs.Exists(marks[0])
	if err != nil {
		return err
	}
	listed := readOffsets(fs, marks[1])
	if listed.content != nil || listed.err != nil {
		clean = false
	}
	if !clean {
		names, err := fs.ReadDir(s.opt.Dir)
		if err != nil {
			return err
		}
		all := listed.content == nil || listed.err != nil || !listed.sealed
		for _, dir := range names {
			name, ok := checkpoint.ParseLogName(dir)
			if _, named := listed.of[name]; ok && (all || named) {
				s.unchecked[name] = struct{}{}
			}
		}
	}
	for _, mark := range marks {
		if err := fs.Remove(mark); err != nil {
			return err
		}
	}
	return fs.SyncDir(s.opt.Dir) // also for the directories that a killed run has made
}

// markStop writes that the store was closed properly, and which logs have to be checked all the same.
func (s *Store) markStop() error {
	s.mu.Lock()
	unchecked := make(map[logName]int64, len(s.unchecked))
	for name := range s.unchecked {
		unchecked[name] = 0
	}
	s.mu.Unlock()
	if len(unchecked) > 0 {
		return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, uncheckedFile), checkpoint.FormatOffsets(unchecked))
	}
	return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, cleanShutdownFile), []byte(`{"version":0,"brokerEpoch":-1}`))
}

// markUnchecked notes that a log has to be checked when it is opened, in this run or the next.
func (s *Store) markUnchecked(name logName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unchecked[name] = struct{}{}
}

// markChecked notes that a log is known to be whole.
func (s *Store) markChecked(name logName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unchecked, name)
}
