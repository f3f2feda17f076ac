package partition

import "sync/atomic"

const (
	// producerBytes is what a producer takes, with its share of the map that it is found by.
	producerBytes = 256
	// alwaysRemembered is how many producers each partition remembers whatever the others do: the memory of a broker
	// cannot be used up to the harm of partitions with few producers.
	alwaysRemembered = 8
	// crowdedAge is after how many milliseconds a producer may be forgotten where memory is used up: a multiple of what
	// clients try again for (delivery.timeout.ms, two minutes).
	crowdedAge = 15 * 60 * 1000
)

// ProducerMemory bounds what all partitions of a broker remember of their producers together. Anybody may make up
// producer ids, and each is remembered for producer.id.expiration.ms. It is safe for concurrent use. A nil
// ProducerMemory has no end.
type ProducerMemory struct {
	limit int64 // producers
	held  atomic.Int64
}

// NewProducerMemory returns a memory of so many bytes.
func NewProducerMemory(bytes int64) *ProducerMemory {
	return &ProducerMemory{limit: bytes / producerBytes}
}

// Held is the number of producers that are remembered.
func (m *ProducerMemory) Held() int64 { return m.held.Load() }

// full reports whether there is no room for more producers.
func (m *ProducerMemory) full() bool { return m != nil && m.held.Load() >= m.limit }

// over reports whether more producers are remembered than should be.
func (m *ProducerMemory) over() bool { return m != nil && m.held.Load() > m.limit }

// count notes that so many more producers are remembered, or fewer.
func (m *ProducerMemory) count(more int) {
	if m != nil {
		m.held.Add(int64(more))
	}
}
