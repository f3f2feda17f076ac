package seglog

import (
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// damage is a segment with a batch that cannot be read.
type damage struct {
	segment *segment
	err     error
}

// judge stops the compaction of the log for as long as it has a segment, if err, met at an offset, says that the
// segment is damaged. It returns the reason.
func (c *compaction) judge(v timedView, at int64, err error) error {
	if !unreadable(err) {
		return err
	}
	err = fault.New(fault.CorruptMessage, "segment %d cannot be read at offset %d or behind it: %w", v.base, at, err)
	s := c.log.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.damaged[c.log] = damage{v.of, err}
	return err
}

// damageError returns why the log is not compacted, nil when it is.
func (l *Log) damageError() error {
	l.store.mu.Lock()
	of, known := l.store.damaged[l]
	l.store.mu.Unlock()
	switch {
	case !known:
		return nil
	case of.segment.isCurrent():
		return fmt.Errorf("compact %s: %w", l.name(), of.err)
	}
	l.store.mu.Lock()
	defer l.store.mu.Unlock()
	delete(l.store.damaged, l)
	return nil
}
