package seglog

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/domain/space"
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
			s.removeDue(now)
			if now.Sub(checkpointed) >= checkpointEvery {
				checkpointed = now
				err := s.opt.Space.Room(space.Agreed, 0)
				if err == nil {
					err = s.writeAllCheckpoints(s.opened())
				}
				if err != nil {
					s.opt.Log.Error("recovery points cannot be written", "err", err)
				}
			}
		}
	}
}
