package coordinator

import "sync/atomic"

// Memory is a budget for the states of coordinators. States that are loaded from the log count, too, whatever the
// limit: a request may only grow a state where there is room, but what exists can always go on. It is safe for
// concurrent use.
type Memory struct {
	limit, used atomic.Int64
}

// NewMemory returns a budget of limit bytes.
func NewMemory(limit int64) *Memory {
	m := &Memory{}
	m.SetLimit(limit)
	return m
}

// SetLimit changes the limit. What is in use stays in use.
func (m *Memory) SetLimit(bytes int64) { m.limit.Store(bytes) }

// Used returns how many bytes the states take.
func (m *Memory) Used() int64 { return m.used.Load() }

// Allows reports whether states may grow by so many bytes. Requests to several shards that ask at the same moment may
// together exceed the limit.
func (m *Memory) Allows(growth int) bool {
	return growth <= 0 || m.used.Load()+int64(growth) <= m.limit.Load()
}

// add changes what is in use.
func (m *Memory) add(bytes int) { m.used.Add(int64(bytes)) }
