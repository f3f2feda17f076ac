package journal

import (
	"fmt"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/internal/invariants"
)

// member is one log's part in a group.
type member struct {
	log       Log
	chunk     Chunk
	journaled bool // has entries in the journal, or is synced instead
	done      bool // its Done was called
	err       error
}

// maxMembers bounds a group, and so what the journal remembers of it. Writing that many logs takes longer than one more
// sync.
const maxMembers = 1024

// write is what the writer has to write and sync: the vector, at pos of file.
type write struct {
	file *file
	pos  int64
}

// run commits what waits, again and again.
func (j *Journal) run() {
	defer close(j.writes)
	for {
		j.mu.Lock()
		for len(j.queue) == 0 && !j.closing {
			j.arrived.Wait()
		}
		logs := j.queue
		j.queue = j.spare[:0]
		j.mu.Unlock()
		if len(logs) == 0 {
			return
		}
		for _, l := range logs {
			j.add(l)
		}
		j.commit()
		clear(logs)
		j.spare = logs
	}
}

// add takes what the log has to commit into the group. A group is at most half a file, unless one chunk alone is
// larger.
func (j *Journal) add(l Log) {
	if len(j.group) == maxMembers {
		j.commit()
	}
	m := member{log: l, chunk: l.Take()}
	if !m.chunk.Volatile {
		if j.journaled > 0 && int64(j.bytes+m.chunk.Bytes) > j.opt.FileBytes/2 {
			j.commit()
		}
		if m.err = j.failed; m.err == nil { // the committer may read without the lock what it alone writes
			m.journaled = true
			j.bytes += m.chunk.Bytes
			j.journaled++
		}
	}
	j.group = append(j.group, m)
}

// commit makes the group durable.
func (j *Journal) commit() {
	switch {
	case j.journaled == 0:
		j.writeLogs()
	case j.opt.DirectBytes > 0 && j.journaled <= j.opt.DirectLogs && j.bytes/j.journaled >= j.opt.DirectBytes,
		int64(j.bytes) > j.opt.FileBytes/2:
		j.direct()
	default:
		j.throughJournal()
	}
	j.finish(func(m *member) bool { return !m.done })
	clear(j.group)
	j.group = j.group[:0]
	j.bytes, j.journaled = 0, 0
}

// finish calls Done for those of the group's logs for which is is true.
func (j *Journal) finish(is func(*member) bool) {
	for i := range j.group {
		if m := &j.group[i]; is(m) {
			m.done = true
			m.log.Done(m.err)
		}
	}
}

// writeLogs has every log write its own files.
func (j *Journal) writeLogs() {
	for i := range j.group {
		if m := &j.group[i]; m.err == nil {
			m.err = m.log.Write()
		}
	}
}

// direct writes and syncs the logs' own files.
func (j *Journal) direct() {
	j.writeLogs()
	began := time.Now()
	var syncing sync.WaitGroup
	for i := range j.group {
		m := &j.group[i]
		if m.err != nil || !m.journaled {
			continue
		}
		j.syncs.Add(1)
		syncing.Go(func() { m.err = j.files.retry(m.log.Sync) })
	}
	syncing.Wait()
	j.opt.Synced(time.Since(began))
}

// throughJournal writes the group into the journal and syncs that, while the logs write their own files.
func (j *Journal) throughJournal() {
	group := j.groups.Add(1)
	size := int64(j.encode())
	f, pos, err := j.files.reserve(group, size)
	if err != nil {
		clear(j.vector)
		j.fail(err)
		j.writeLogs()
		return
	}
	stamp(j.headers, f.key)
	j.writes <- write{f, pos}
	j.writeLogs()
	j.finish(func(m *member) bool { return !m.journaled })
	err = <-j.written
	j.syncs.Add(1)
	clear(j.vector)
	if err != nil {
		j.fail(fmt.Errorf("%s: %w", f.path, err))
		return
	}
	j.files.wrote(f, j.group, size)
}

// fail closes the journal for entries: what is in its file from now on is not known. Logs that need no journal go on.
func (j *Journal) fail(err error) {
	failed := fmt.Errorf("journal: %w", err)
	j.mu.Lock()
	j.failed = failed
	j.mu.Unlock()
	for i := range j.group {
		if m := &j.group[i]; m.journaled {
			m.err = failed
		}
	}
}

// write writes what the committer gives it and syncs that, until there is no more to come.
func (j *Journal) write() {
	for w := range j.writes {
		err := j.files.retry(func() error { return w.file.file.WritevAt(j.vector, w.pos) })
		if invariants.Enabled && err == nil {
			checkWritten(w.file, w.pos, j.vector)
		}
		if err == nil {
			began := time.Now()
			err = w.file.file.Sync()
			j.opt.Synced(time.Since(began))
		}
		j.written <- err
	}
}
