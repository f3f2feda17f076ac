package seglog

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/ports"
)

// cleanAll compacts all open logs, and deletes what has expired, as if all that is durable were committed.
func cleanAll(ctx context.Context, s *Store, now time.Time) error {
	var errs []error
	for _, l := range s.opened() {
		errs = append(errs, cleanUpTo(ctx, l, now, l.DurableEnd))
	}
	return errors.Join(errs...)
}

// cleanUpTo compacts a log and deletes what has expired, below what upTo returns.
func cleanUpTo(ctx context.Context, l ports.Log, now time.Time, upTo func() int64) error {
	return errors.Join(l.Compact(ctx, now, upTo), l.Retain(ctx, now, upTo))
}
