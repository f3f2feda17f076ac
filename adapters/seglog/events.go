package seglog

import (
	"errors"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ending is what LogEvents know of a log's end.
type ending uint8

const (
	notReleased  ending = iota // the journal may need its bytes, or it has not ended
	failureFound               // it has failed, and Offline was not called yet
	released                   // Released was called: the log needs none of its callers' bytes any more
)

// fail takes the log offline: nothing is accepted or acknowledged any more.
func (l *Log) fail(err error) {
	l.mu.Lock()
	first := l.offline == nil
	if first {
		l.offline = fault.New(fault.KafkaStorageError, "log of %s is offline: %w", l.name(), disk.Lasting(err))
		l.ending = failureFound
		l.wakeWaiting()
	}
	l.mu.Unlock()
	if first {
		l.opt.Log.Error("log is offline", "topic", l.id.Topic, "partition", l.id.Partition, "err", err)
		l.announceEnd()
	}
}

// wakeWaiting wakes the callers that wait for a chunk to be committed. Called with the log's lock held.
func (l *Log) wakeWaiting() {
	if l.committed != nil {
		close(l.committed)
		l.committed = nil
	}
}

// announceDurable announces that a chunk is durable, unless the log is offline.
func (l *Log) announceDurable(c *chunk) bool {
	l.announcing.Lock()
	defer l.announcing.Unlock()
	l.mu.Lock()
	l.taken = nil
	if l.offline != nil {
		l.mu.Unlock()
		return false
	}
	l.durable = c.end
	l.durableBase, l.durableSize = l.active().base, l.active().size
	l.wakeWaiting()
	l.mu.Unlock()
	l.events.Durable(c.end)
	return true
}

// announceStart announces the log start offset.
func (l *Log) announceStart() {
	l.announcing.Lock()
	defer l.announcing.Unlock()
	l.events.Start(l.StartOffset())
}

// announceEnd announces that the log has failed, if it has, and, as soon as the journal is done with all that was
// appended, that its bytes are released.
func (l *Log) announceEnd() {
	if l.events == nil {
		return
	}
	l.announcing.Lock()
	defer l.announcing.Unlock()
	l.mu.Lock()
	reason, failed := l.offline, l.ending == failureFound
	over := l.ending != released && reason != nil && l.pending == nil && l.taken == nil
	switch {
	case over:
		l.ending = released
	case failed:
		l.ending = notReleased
	}
	l.mu.Unlock()
	if failed {
		l.events.Offline(errors.Unwrap(reason))
	}
	if over {
		l.events.Released()
	}
}
