package coordinator

import "sync/atomic"

// Memory is a budget for the states of coordinators. A request may let a state grow only within the limit. States that
// are loaded from the log count as well, but are loaded whatever the limit is. It is safe for concurrent use.
type Memory struct {
	limit, used atomic.Int64
}

// NewMemory returns a budget of limit bytes.
func NewMemory(limit int64) *Memory {
	m := &Memory{}
	m.SetLimit(limit)
	return m
}

// SetLimit changes the limit. It frees no memory.
func (m *Memory) SetLimit(bytes int64) { m.limit.Store(bytes) }

// Used returns how many bytes the states take.
func (m *Memory) Used() int64 { return m.used.Load() }

// Allows reports whether states may grow by growth bytes. Concurrent requests to several shards may together exceed the
// limit.
func (m *Memory) Allows(growth int) bool {
	return growth <= 0 || m.used.Load()+int64(growth) <= m.limit.Load()
}

// add changes the number of bytes in use.
func (m *Memory) add(bytes int) { m.used.Add(int64(bytes)) }
