package partition

import "sync/atomic"

const (
	// producerBytes is the memory of a producer in bytes, with its share of the map.
	producerBytes = 256
	// alwaysRemembered is how many producers each partition remembers in any case, so that a partition with many
	// producers does no harm to those with few.
	alwaysRemembered = 8
	// crowdedAge is the age in milliseconds after which a producer may be removed while the memory is used up. It is a
	// multiple of the time for which clients retry (delivery.timeout.ms, two minutes).
	crowdedAge = 15 * 60 * 1000
)

// ProducerMemory bounds the number of producers that all partitions of a broker remember together. The bound is needed
// because clients may invent producer ids, and each one is remembered for producer.id.expiration.ms. It is safe for
// concurrent use. A nil ProducerMemory has no bound.
type ProducerMemory struct {
	limit int64 // producers
	held  atomic.Int64
}

// NewProducerMemory returns a memory of the given size.
func NewProducerMemory(bytes int64) *ProducerMemory {
	return &ProducerMemory{limit: bytes / producerBytes}
}

// Held returns the number of producers that are remembered.
func (m *ProducerMemory) Held() int64 { return m.held.Load() }

// full reports whether there is no room for another producer.
func (m *ProducerMemory) full() bool { return m != nil && m.held.Load() >= m.limit }

// over reports whether there are more producers than the limit.
func (m *ProducerMemory) over() bool { return m != nil && m.held.Load() > m.limit }

// count adds to the number of producers; more may be negative.
func (m *ProducerMemory) count(more int) {
	if m != nil {
		m.held.Add(int64(more))
	}
}
