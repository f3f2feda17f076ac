package seglog

import (
	"context"
	"math"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
)

// noteUnsynced notes a log with a write that is neither synced nor in the journal, for flush to sync it in time.
func (s *Store) noteUnsynced(l *Log) {
	l.mu.Lock()
	age := s.flushAge(l)
	none := age == math.MaxInt64 || l.firstUnsynced.IsZero()
	l.mu.Unlock()
	if none {
		return
	}
	s.mu.Lock()
	_, known := s.unsynced[l]
	s.unsynced[l] = struct{}{}
	sooner := !known && (s.flushAt.IsZero() || time.Until(s.flushAt) > age)
	s.mu.Unlock()
	if sooner {
		s.flushSooner()
	}
}

// flushSooner wakes flush before its time.
func (s *Store) flushSooner() {
	select {
	case s.sooner <- struct{}{}:
	default:
	}
}

// flushAge returns how old an unsynced write of a log may become. Called with the log's lock held.
func (s *Store) flushAge(l *Log) time.Duration {
	age := l.config.FlushAge
	if age < 0 {
		age = math.MaxInt64
	}
	if l.config.Flush == ports.FlushInterval {
		age = min(age, s.opt.FlushInterval)
	}
	return age
}

// flush syncs logs whose writes are not in the journal before these are older than the config allows, until ctx ends.
// It sleeps until something is due.
func (s *Store) flush(ctx context.Context) {
	timer := time.NewTimer(math.MaxInt64)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.sooner:
		case <-timer.C:
		}
		for {
			due, wait := s.dueLogs(time.Now())
			if len(due) == 0 {
				timer.Reset(wait)
				break
			}
			for _, l := range due {
				if err := l.Sync(); disk.Passing(err) { // any other has taken the log offline
					s.pause(retryWrite)
				}
			}
		}
	}
}

// flushEarly is the part of a log's flush age by which it may be synced too early, so that logs with much traffic are
// synced together.
const flushEarly = 8

// dueLogs removes the logs that are due from the noted ones and returns them, and how long the others have.
func (s *Store) dueLogs(now time.Time) (due []*Log, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait = math.MaxInt64
	for l := range s.unsynced {
		l.mu.Lock()
		age, first, gone := s.flushAge(l), l.firstUnsynced, l.deleted
		l.mu.Unlock()
		left := age - now.Sub(first)
		switch {
		case first.IsZero(), gone:
			delete(s.unsynced, l)
		case left <= age/flushEarly:
			due = append(due, l)
			delete(s.unsynced, l)
		default:
			wait = min(wait, left)
		}
	}
	s.flushAt = time.Time{}
	if wait < math.MaxInt64 {
		s.flushAt = now.Add(wait)
	}
	return due, wait
}
