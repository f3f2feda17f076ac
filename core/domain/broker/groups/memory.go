package groups

import (
	"sync/atomic"

	"github.com/chronik-stream/chronik/core/domain/group"
)

// groupMemory is the memory that groups, their members and their committed offsets take together. Groups that are
// loaded from the log count, too, whatever the limit; members that are there can always come back, and commit again
// what they have committed before.
type groupMemory struct {
	limit int64
	used  atomic.Int64
}

// allows reports whether groups may grow by so many bytes. Those of several shards that ask at the same moment may
// exceed the limit by a request each.
func (m *groupMemory) allows(growth int) bool {
	return growth <= 0 || m.used.Load()+int64(growth) <= m.limit
}

// account takes over how large the group is now. It is called under the shard's lock.
func (m *groupMemory) account(e *heldGroup, size int) {
	m.used.Add(int64(size - e.size))
	e.size = size
}

// assigned returns how many bytes of assignments a leader brings.
func assigned(req *group.SyncRequest) (n int) {
	for _, a := range req.Assignments {
		n += len(a)
	}
	return n
}
