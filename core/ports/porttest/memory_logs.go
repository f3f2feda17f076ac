package porttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

var _ ports.LogStore = (*Logs)(nil)

// Logs is a log store in memory that a test controls: appends become durable at once or when the test says so, and
// operations fail as it says. It fulfils the contract of ports.LogStore, except that nothing survives the process.
type Logs struct {
	mu      sync.Mutex
	held    bool // nothing becomes durable
	closed  bool
	open    map[logName]*Log
	stored  map[logName]*Log // logs that are not open
	strays  []ports.LogID    // names of logs without contents
	deleted []ports.LogID
	aside   []ports.LogID
	ended   []*Log // offline or deleted while appends were held

	opening, deleting func(ports.LogID) error
	changing          func(id ports.LogID, how string) error
}

// logName identifies a log; topic ids may change.
type logName struct {
	topic     string
	partition int32
}

func nameOf(id ports.LogID) logName { return logName{id.Topic, id.Partition} }

// NewLogs returns a store without logs.
func NewLogs() *Logs { return &Logs{open: make(map[logName]*Log), stored: make(map[logName]*Log)} }

// Reopened returns a store with the logs of s, which was closed.
func (s *Logs) Reopened() *Logs {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := NewLogs()
	maps.Copy(again.stored, s.stored)
	return again
}

// OnOpening sets a function that is called before a log is opened; Open returns its error.
func (s *Logs) OnOpening(f func(ports.LogID) error) { s.set(func() { s.opening = f }) }

// OnDeleting sets a function that is called before a log is deleted; Delete returns its error.
func (s *Logs) OnDeleting(f func(ports.LogID) error) { s.set(func() { s.deleting = f }) }

// OnChanging sets a function that is called before a log is changed; its error is returned. how is "truncate", "reset"
// or, when the log start offset is raised, "raise".
func (s *Logs) OnChanging(f func(id ports.LogID, how string) error) {
	s.set(func() { s.changing = f })
}

// AddStrays adds logs to Stored that were never opened.
func (s *Logs) AddStrays(ids ...ports.LogID) { s.set(func() { s.strays = append(s.strays, ids...) }) }

func (s *Logs) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// read returns what get reads under the store's lock.
func read[V any](s *Logs, get func() V) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	return get()
}

// Deleted returns the logs that Delete was called for, in order.
func (s *Logs) Deleted() []ports.LogID {
	return read(s, func() []ports.LogID { return slices.Clone(s.deleted) })
}

// Aside returns the logs that were set aside, in order.
func (s *Logs) Aside() []ports.LogID {
	return read(s, func() []ports.LogID { return slices.Clone(s.aside) })
}

// Log returns the open log of a partition, nil when there is none.
func (s *Logs) Log(topic string, index int32) *Log {
	return read(s, func() *Log { return s.open[logName{topic, index}] })
}

// Hold keeps appends from becoming durable until Release.
func (s *Logs) Hold() { s.set(func() { s.held = true }) }

// Release makes all appends durable, and later ones at once. Logs that have ended meanwhile release their bytes.
func (s *Logs) Release() {
	s.mu.Lock()
	s.held = false
	var logs []*Log
	for _, l := range s.open {
		if l.over {
			s.ended = append(s.ended, l)
		} else {
			logs = append(logs, l)
		}
	}
	ended := s.ended
	s.ended = nil
	s.mu.Unlock()
	for _, l := range ended {
		l.events.Released()
	}
	for _, l := range logs {
		l.sync()
	}
}

// Fail takes every log offline. While appends are held, the disk still needs their bytes.
func (s *Logs) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.open {
		l.over = true
		l.events.Offline(err)
		if !s.held {
			l.events.Released()
		}
	}
}

// Open implements ports.LogStore, as do the methods below.
func (s *Logs) Open(
	_ context.Context, id ports.LogID, cfg *ports.LogConfig, state *partition.State, events ports.LogEvents,
) (ports.Log, error) {
	if opening := read(s, func() func(ports.LogID) error { return s.opening }); opening != nil {
		if err := opening(id); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errLogsClosed
	case s.open[nameOf(id)] != nil:
		return nil, fault.New(fault.KafkaStorageError, "log of %s-%d is open already", id.Topic, id.Partition)
	}
	l := &Log{store: s, id: id, events: events, cfg: cfg, state: state}
	if old := s.stored[nameOf(id)]; old != nil && old.id.TopicID == id.TopicID {
		l.takeOver(old)
	}
	delete(s.stored, nameOf(id))
	s.open[nameOf(id)] = l
	return l, nil
}

// Delete removes a log.
func (s *Logs) Delete(_ context.Context, id ports.LogID) error {
	if deleting := read(s, func() func(ports.LogID) error { return s.deleting }); deleting != nil {
		if err := deleting(id); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted = append(s.deleted, id)
	if old := s.stored[nameOf(id)]; old != nil && old.id.TopicID == id.TopicID {
		delete(s.stored, nameOf(id))
	}
	if l := s.open[nameOf(id)]; l != nil && l.id.TopicID == id.TopicID {
		delete(s.open, nameOf(id))
		l.over = true
		if s.held {
			s.ended = append(s.ended, l)
		} else {
			l.events.Released()
		}
	}
	return nil
}

// SetAside records the call.
func (s *Logs) SetAside(_ context.Context, id ports.LogID) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aside = append(s.aside, id)
	return fmt.Sprintf("%s-%d-stray", id.Topic, id.Partition), nil
}

// Stored returns the strays and all logs.
func (s *Logs) Stored() ([]ports.LogID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := slices.Clone(s.strays)
	for _, logs := range []map[logName]*Log{s.open, s.stored} {
		for _, l := range logs {
			ids = append(ids, l.id)
		}
	}
	return ids, nil
}

// Err is nil: the store itself does not fail.
func (s *Logs) Err() error { return nil }

// Dir names no directory.
func (s *Logs) Dir() (ports.LogDir, error) { return ports.LogDir{Path: "memory"}, nil }

// Close closes the logs; Reopened keeps them.
func (s *Logs) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	for name, l := range s.open {
		l.over = true
		s.stored[name] = l
	}
	clear(s.open)
	return nil
}

var errLogsClosed = fault.New(fault.KafkaStorageError, "log store is closed")
