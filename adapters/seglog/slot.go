package seglog

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/chronik-stream/chronik/core/ports"
)

// slot serializes opening and deleting a log by its lock. There is one for each log that is open, or being opened or
// deleted.
type slot struct {
	name  logName
	users int // calls that open or delete the log, or wait for that; guarded by Store.mu

	log atomic.Pointer[Log] // nil when it is not open; mu is held where it changes

	mu          sync.Mutex
	halfCreated bool // creating the log has failed, and its files are not removed
}

// slot returns a log's slot. The caller gives it back by leave.
func (s *Store) slot(id ports.LogID) (*slot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	name := nameOf(id)
	of := s.slots[name]
	if of == nil {
		of = &slot{name: name}
		s.slots[name] = of
	}
	of.users++
	return of, nil
}

// leave ends a use of a slot, which is forgotten when the log is not open and the slot has no other users.
func (s *Store) leave(of *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of.users--
	if of.users == 0 && of.log.Load() == nil && !of.halfCreated {
		delete(s.slots, of.name)
	}
}

// opened returns the open logs. It does not wait for those that are being opened or deleted, which may take long.
func (s *Store) opened() []*Log {
	s.mu.Lock()
	defer s.mu.Unlock()
	var logs []*Log
	for _, p := range s.slots {
		if l := p.log.Load(); l != nil {
			logs = append(logs, l)
		}
	}
	return logs
}

// awaitSlots returns when no log is being opened or deleted any more, after the store was closed.
func (s *Store) awaitSlots() {
	s.mu.Lock()
	slots := slices.Collect(maps.Values(s.slots))
	s.mu.Unlock()
	for _, p := range slots {
		p.mu.Lock()
		p.mu.Unlock() //nolint:staticcheck // a later caller finds the store closed
	}
}
