package wiring

// shares are the parts of the configured memory, in bytes. What is left is for metadata, partitions' state, committed offsets
// and the runtime.
type shares struct {
	requests    int64 // a quarter: frames and what is decoded from them
	answers     int64 // a quarter
	connections int64 // a quarter
	compaction  int64 // a sixteenth, 16 MiB at most
	sessions    int64 // an eighth: fetch sessions, and fetches that wait without one
	groups      int64 // a sixteenth: members of consumer groups
}

func sharesOf(memory int64) shares {
	return shares{
		requests: memory / 4, answers: memory / 4, connections: memory / 4,
		compaction: min(memory/16, 16<<20), sessions: memory / 8, groups: memory / 16,
	}
}
