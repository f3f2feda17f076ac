package journal

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// testLog counts what the journal does with it. Its own files are a counter.
type testLog struct {
	id ports.LogID

	mu      sync.Mutex
	pending []record.Batch
	queued  bool
	next    int64 // offset
	taken   []record.Batch
	waiting int64 // offset behind what was taken
	written int64
	synced  int64
	syncs   int
	done    chan error
}

func newTestLog(name string) *testLog {
	return &testLog{id: ports.LogID{Topic: name, TopicID: [16]byte{7}, Partition: 3}, done: make(chan error, 100)}
}

func batchAt(offset int64, size int) record.Batch {
	b := make(record.Batch, max(size, record.HeaderSize))
	b.SetBaseOffset(offset)
	for i := record.HeaderSize; i < len(b); i++ {
		b[i] = byte(offset) + byte(i)
	}
	return b
}

func (l *testLog) append(j *Journal, size int) {
	l.mu.Lock()
	l.pending = append(l.pending, batchAt(l.next, size))
	l.next++
	submit := !l.queued
	l.queued = true
	l.mu.Unlock()
	if submit {
		j.Submit(l)
	}
}

func (l *testLog) Take() Chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken, l.pending, l.queued = l.pending, nil, false
	c := Chunk{ID: l.id, BaseOffset: l.taken[0].BaseOffset(), Batches: l.taken}
	for _, b := range l.taken {
		c.Bytes += len(b)
	}
	l.waiting = l.next
	return c
}

func (l *testLog) Write() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = l.waiting
	return nil
}

func (l *testLog) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.synced = l.written
	l.syncs++
	return nil
}

func (l *testLog) Done(err error) { l.done <- err }

// replayed collects what Open replays: offsets by topic, and those where damaged entries begin by
// topic and an exclamation mark.
type replayed map[string][]int64

func (r replayed) visit(e Entry) error {
	if e.Damaged {
		r[e.ID.Topic+"!"] = append(r[e.ID.Topic+"!"], e.BaseOffset)
		return nil
	}
	rest := e.Payload
	want := e.BaseOffset
	for len(rest) > 0 {
		offset := record.Batch(rest).BaseOffset()
		if offset != want {
			return fmt.Errorf("offset %d, want %d", offset, want)
		}
		r[e.ID.Topic] = append(r[e.ID.Topic], offset)
		rest = rest[len(batchAt(0, testBatch)):]
		want++
	}
	return nil
}

// allTaken says that all logs have what was replayed.
func allTaken() (map[ports.LogID]error, error) { return nil, nil }

const testBatch = 1000

// usual are the options of a broker whose configuration says nothing about its journal; see configs.
var usual = Options{FileBytes: 64 << 20, MaxFiles: 4}

func open(t *testing.T, dir string, opt Options) (*Journal, replayed) {
	t.Helper()
	r := make(replayed)
	j, err := Open(disk.OS(), dir, opt, r.visit, allTaken)
	if err != nil {
		t.Fatal(err)
	}
	return j, r
}

// crashed copies the journal's files as they are, as a crash would leave them.
func crashed(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func wait(t *testing.T, l *testLog) {
	t.Helper()
	select {
	case err := <-l.done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was committed")
	}
}
