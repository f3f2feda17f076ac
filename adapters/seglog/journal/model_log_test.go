package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// modelLog is a log whose own file holds its batches one behind the other.
type modelLog struct {
	id       ports.LogID
	volatile bool
	file     disk.File
	syncing  sync.Mutex

	mu       sync.Mutex
	done     chan struct{} // closed when Done was called for everything that was submitted
	pending  []record.Batch
	queued   bool
	waiting  int // batches without Done
	appended []record.Batch
	acked    int   // batches that are durable
	failed   error // why nothing is taken any more

	taken   []record.Batch // the committer's
	size    int64          // of the file
	written int            // batches in the file
}

// open reads the log's file up to the first batch that is not intact.
func (l *modelLog) open(fs disk.FS) error {
	var err error
	if l.file, err = fs.Open(fmt.Sprintf("/data/%s-%d", l.id.Topic, l.id.Partition), true); err != nil {
		return err
	}
	if err := fs.SyncDir("/data"); err != nil {
		return err
	}
	size, err := l.file.Size()
	if err != nil {
		return err
	}
	raw := make([]byte, size)
	if _, err := l.file.ReadAt(raw, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	l.size, l.written, l.failed = 0, 0, nil
	for rest := raw; len(rest) > 0; {
		b, next, err := record.Next(rest)
		if err != nil || b.VerifyCRC() != nil || l.written == len(l.appended) || !bytes.Equal(b, l.appended[l.written]) {
			break
		}
		l.size, l.written, rest = l.size+int64(len(b)), l.written+1, next
	}
	// What a kill has left in the file without a sync must not go when the journal holds what follows it.
	return errors.Join(l.file.Truncate(l.size), l.file.Sync())
}

// apply brings a journal's entry into the file.
func (l *modelLog) apply(e Entry) error {
	for rest := e.Payload; len(rest) > 0; {
		b, next, err := record.Next(rest)
		if err != nil {
			return err
		}
		rest = next
		i := int(b.BaseOffset())
		switch {
		case i >= len(l.appended) || !bytes.Equal(b, l.appended[i]):
			return fmt.Errorf("batch %d was never submitted", i)
		case i > l.written:
			return fmt.Errorf("batch %d, the log ends at %d: %w", i, l.written, errHole)
		case i < l.written:
			continue
		}
		if _, err := l.file.WriteAt(b, l.size); err != nil {
			return err
		}
		l.size, l.written = l.size+int64(len(b)), i+1
	}
	return nil
}

// check sees that everything acknowledged has survived the last crash.
func (l *modelLog) check(unsafe bool) error {
	if l.written < l.acked && !(l.volatile && unsafe) {
		return fmt.Errorf("%d batches are there, %d were acknowledged", l.written, l.acked)
	}
	l.appended, l.acked = l.appended[:l.written], l.written
	return nil
}

func (l *modelLog) append(j *Journal, r *rand.Rand, fileBytes int64) {
	size := r.IntN(600)
	switch r.IntN(20) {
	case 0:
		size = 2000
	case 1:
		size = int(fileBytes)
	}
	value := make([]byte, size)
	for i := range value {
		value[i] = byte(r.Uint32())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return
	}
	o := record.NewBuilder(record.Options{BaseOffset: int64(len(l.appended))})
	o.Append(1, nil, value)
	b, err := o.Build()
	if err != nil {
		panic(err)
	}
	l.appended = append(l.appended, b)
	l.pending = append(l.pending, b)
	if l.waiting++; l.waiting == 1 {
		l.done = make(chan struct{})
	}
	if !l.queued {
		l.queued = true
		j.Submit(l)
	}
}

// await waits until Done was called for everything that the log has submitted.
func (l *modelLog) await() error {
	l.mu.Lock()
	waiting, done := l.waiting, l.done
	l.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%d batches were submitted, and Done was not called", waiting)
	}
}

func (l *modelLog) crash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending, l.taken, l.queued, l.waiting, l.failed = nil, nil, false, 0, nil
}

func (l *modelLog) Take() Chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken, l.pending, l.queued = l.pending, nil, false
	c := Chunk{
		ID:         l.id,
		BaseOffset: l.taken[0].BaseOffset(),
		Previous:   l.taken[0].BaseOffset(),
		Batches:    l.taken,
		Volatile:   l.volatile || l.failed != nil,
	}
	for _, b := range l.taken {
		c.Bytes += len(b)
	}
	return c
}

func (l *modelLog) Write() error {
	if err := l.refusal(); err != nil {
		return err
	}
	vector := make([][]byte, len(l.taken))
	for i, b := range l.taken {
		vector[i] = b
	}
	if err := l.file.WritevAt(vector, l.size); err != nil {
		return err
	}
	for _, b := range l.taken {
		l.size += int64(len(b))
	}
	l.written += len(l.taken)
	return nil
}

func (l *modelLog) refusal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *modelLog) Sync() error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := l.refusal(); err != nil {
		return err
	}
	err := l.file.Sync()
	if err != nil {
		l.mu.Lock()
		l.failed = err
		l.mu.Unlock()
	}
	return err
}

func (l *modelLog) Done(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.failed = err
	case l.failed == nil:
		l.acked += len(l.taken)
	}
	if l.waiting -= len(l.taken); l.waiting == 0 {
		close(l.done)
	}
	l.taken = nil
}
