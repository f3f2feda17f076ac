package wiring

import (
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// shares are the parts of the configured memory, in bytes. They add up to all of it. In practice they are not used up
// at the same time, which leaves room for metadata, the state of partitions and the runtime.
type shares struct {
	requests      int64 // a quarter: frames and what is decoded from them
	answers       int64 // a quarter
	connections   int64 // three sixteenths
	compaction    int64 // a sixteenth, 16 MiB at most
	sessions      int64 // a sixteenth: fetch sessions, and fetches that wait without one
	groups        int64 // an eighth: members of consumer groups, and committed offsets
	producers     int64 // a thirty-second: what partitions remember of idempotent producers
	decompression int64 // a thirty-second: batches that are decompressed as a whole
}

func sharesOf(memory int64) shares {
	return shares{
		requests:      memory / 4,
		answers:       memory / 4,
		connections:   memory / 16 * 3,
		compaction:    min(memory/16, 16<<20),
		sessions:      memory / 16,
		groups:        memory / 8,
		producers:     memory / 32,
		decompression: memory / 32,
	}
}

func newDecompression(cfg *configs.Config) *record.Budget {
	return record.NewBudget(sharesOf(cfg.Memory).decompression)
}
