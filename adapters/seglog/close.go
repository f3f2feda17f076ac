package seglog

import (
	"errors"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
)

// Close flushes and closes everything.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	close(s.closing)
	s.stop()
	s.background.Wait()
	s.awaitSlots()
	logs := s.opened()
	for _, l := range logs {
		l.mu.Lock()
		l.shutting = true
		l.mu.Unlock()
	}
	if err := s.journal.Close(); err != nil {
		return errors.Join(err, s.files.Close())
	}
	var errs []error
	for _, l := range logs {
		if err := l.shut(); err != nil {
			s.markUnchecked(l.name())
			errs = append(errs, err)
		}
	}
	err := s.writeAllCheckpoints(logs)
	for _, l := range logs {
		l.mu.Lock()
		failed := l.offline != nil && !l.deleted
		if l.offline == nil {
			l.offline = errClosed
		}
		l.mu.Unlock()
		if failed {
			s.markUnchecked(l.name())
		}
	}
	if err == nil {
		err = s.markStop()
	}
	s.removeDue(time.Now().Add(1000 * time.Hour))
	return errors.Join(append(errs, err, s.files.Close())...)
}

// shut writes what a start without a check needs: whole indexes, the producers' state at the end, everything synced.
func (l *Log) shut() error {
	l.awaitCompaction()
	l.cleaning.Lock()
	defer l.cleaning.Unlock()
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	s := l.active()
	s.markTime()
	gone, end := l.offline, l.end
	l.mu.Unlock()
	if gone != nil {
		return nil // its files stay as they are, for the next start to check
	}
	if err := s.flushIndexes(); err != nil {
		return err
	}
	if end > s.base || l.state.Producers.Len() > 0 {
		if err := l.writeSnapshot(end, checkpoint.FormatProducers(l.state)); err != nil {
			return err
		}
	}
	return l.Sync()
}
