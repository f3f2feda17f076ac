package seglog

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// AdvanceStart raises the log start offset; see ports.Log.
func (l *Log) AdvanceStart(_ context.Context, start int64) error {
	l.syncing.Lock() // no reset meanwhile, and no truncation begins
	raised, err := l.raiseStart(start)
	l.syncing.Unlock()
	if raised {
		l.announceStart()
	}
	return err
}

func (l *Log) raiseStart(start int64) (raised bool, err error) {
	l.mu.Lock()
	old, durable, gone := l.start, l.durable, l.offline
	l.mu.Unlock()
	if l.truncating != nil {
		durable = min(durable, l.truncating.to)
	}
	switch {
	case gone != nil:
		return false, gone
	case start <= old:
		return false, nil
	case start > durable:
		return false, fault.New(fault.OffsetOutOfRange, "offset %d of %s is above its end %d", start, l.name(), durable)
	}
	if err := l.store.writeStart(l, start); err != nil {
		return false, fault.New(fault.KafkaStorageError, "raise the log start offset of %s: %w", l.name(), err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.start = max(l.start, start)
	return true, nil
}
