package seglog

import (
	"context"
	"time"
)

// checkpointEvery is how often recovery points are written (Kafka: log.flush.offset.checkpoint.interval.ms).
const checkpointEvery = time.Minute

// maintain writes recovery points and removes what was deleted, until ctx ends.
func (s *Store) maintain(ctx context.Context) {
	s.removeLeftovers(ctx)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	checkpointed := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.removeDoomed(now)
			if now.Sub(checkpointed) >= checkpointEvery {
				checkpointed = now
				if err := s.writeAllCheckpoints(s.opened()); err != nil {
					s.opt.Log.Error("recovery points cannot be written", "err", err)
				}
			}
		}
	}
}
