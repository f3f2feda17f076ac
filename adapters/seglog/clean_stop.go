package seglog

import (
	"path/filepath"
)

// A proper stop leaves Kafka's mark, .kafka_cleanshutdown, when every log of the directory is known to be whole, and
// otherwise the names of those that are not: logs that have failed, and those that a crash has left and nobody has
// opened since. The next start checks these. Kafka would check all, as after a crash.

// uncheckedFile names the logs that a proper stop does not vouch for. It is an offset checkpoint
// whose offsets mean nothing.
const uncheckedFile = "unchecked-logs"

// readStop finds out which logs the last run does not vouch for, and takes the marks of its stop away.
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
			name, ok := parseLogName(dir)
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

// markStop leaves word that the store was closed properly, and which logs have to be checked all the same.
func (s *Store) markStop() error {
	s.mu.Lock()
	unchecked := make(map[logName]int64, len(s.unchecked))
	for name := range s.unchecked {
		unchecked[name] = 0
	}
	s.mu.Unlock()
	if len(unchecked) > 0 {
		return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, uncheckedFile), formatOffsets(unchecked))
	}
	return replaceFile(s.opt.FS, filepath.Join(s.opt.Dir, cleanShutdownFile), []byte(`{"version":0,"brokerEpoch":-1}`))
}

// doubt notes that a log has to be checked when it is opened, in this run or the next.
func (s *Store) doubt(name logName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unchecked[name] = struct{}{}
}

// trust notes that a log is known to be whole.
func (s *Store) trust(name logName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.unchecked, name)
}
