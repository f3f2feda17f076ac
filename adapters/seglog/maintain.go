package seglog

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/ports"
)

// checkpointEvery is how often recovery points are written (Kafka: log.flush.offset.checkpoint.interval.ms).
const checkpointEvery = time.Minute

// maintain syncs what is to be synced at intervals, writes recovery points and removes what was deleted, until ctx ends.
func (s *Store) maintain(ctx context.Context) {
	s.removeLeftovers(ctx)
	tick := time.NewTicker(min(s.opt.FlushInterval, time.Second))
	defer tick.Stop()
	checkpointed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.flushDue(now)
			s.removeDoomed(now)
			if now.Sub(checkpointed) >= checkpointEvery {
				checkpointed = now
				if err := s.writeCheckpoints(s.opened()); err != nil {
					s.opt.Log.Error("recovery points cannot be written", "err", err)
				}
			}
		}
	}
}

// noteUnsynced remembers a log that no journal covers, for maintain to sync.
func (s *Store) noteUnsynced(l *Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsynced[l] = struct{}{}
}

// flushDue syncs the logs whose time has come.
func (s *Store) flushDue(now time.Time) {
	s.mu.Lock()
	var due []*Log
	for l := range s.unsynced {
		l.mu.Lock()
		age := l.config.FlushAge
		if l.config.Flush == ports.FlushInterval && (age <= 0 || age > s.opt.FlushInterval) {
			age = s.opt.FlushInterval
		}
		switch {
		case l.firstUnsynced.IsZero():
			delete(s.unsynced, l)
		case age > 0 && now.Sub(l.firstUnsynced) >= age:
			due = append(due, l)
			delete(s.unsynced, l)
		}
		l.mu.Unlock()
	}
	s.mu.Unlock()
	for _, l := range due {
		_ = l.Sync() // which takes the log offline when it fails
	}
}
