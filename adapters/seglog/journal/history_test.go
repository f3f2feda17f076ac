package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestHistories runs random histories of appends, waits, clean stops and crashes, each crash before a random operation
// of the disk. What was acknowledged must be there after it, nothing else but what was submitted, in order.
func TestHistories(t *testing.T) {
	seeds := 400
	if testing.Short() {
		seeds = 40
	}
	for seed := range uint64(seeds) {
		if only := os.Getenv("SEED"); only != "" && only != strconv.FormatUint(seed, 10) {
			continue
		}
		w := newWorld(t, seed)
		for range 6 {
			w.plug.Pull(1+w.rand.IntN(120), disktest.Loss(w.rand.IntN(3)))
			if w.open() == nil {
				w.act(w.rand.IntN(40))
				if w.rand.IntN(4) == 0 {
					w.stop()
				}
			}
			w.crash()
		}
		w.plug.Pull(-1, 0)
		if err := w.open(); err != nil {
			w.fatalf("open: %v", err)
		}
		w.act(3)
		w.stop()
	}
}

// TestEveryMomentOfDeathIsSurvived ends a short history before each operation of the disk in turn. The next run finds
// what was acknowledged, and loses power, after a clean stop or without one.
func TestEveryMomentOfDeathIsSurvived(t *testing.T) {
	for seed := range uint64(4) {
		for _, loss := range []disktest.Loss{disktest.Nothing, disktest.Unsynced, disktest.SomeBlocks} {
			for i, reached := 0, true; reached; i++ { // i/2 operations; with odd i all is left to the journal
				w := newWorld(t, seed)
				if i%2 == 1 {
					w.opt.DirectBytes = -1
				}
				w.step("power goes before operation %d", i/2)
				w.plug.Pull(i/2, loss)
				if w.open() == nil {
					w.act(15)
					w.awaitAll()
					w.stop()
				}
				reached = w.plug.Off()
				w.crash()
				for range 2 {
					w.plug.Pull(-1, disktest.Unsynced)
					if err := w.open(); err != nil {
						w.fatalf("open: %v", err)
					}
					w.act(3)
					if w.awaitAll(); i%2 == 0 {
						w.stop()
					}
					w.crash()
				}
			}
		}
	}
}

// TestEveryIOErrorIsSurvived fails each operation of the disk in turn. Every log is told about every chunk, and what it
// was told to be durable is there after a loss of power.
func TestEveryIOErrorIsSurvived(t *testing.T) {
	for seed := range uint64(6) {
		for i := 0; ; i++ {
			w := newWorld(t, seed)
			n, failed := 0, ""
			w.plug.Fail(func(op disktest.Op, path string) error {
				if n++; n-1 == i {
					failed = string(op) + " " + path
					return errInjected
				}
				return nil
			})
			if w.open() == nil {
				w.act(20)
				w.awaitAll()
				if w.rand.IntN(2) == 0 {
					w.stop()
				}
			}
			w.step("failed: %s", failed)
			w.plug.PullNow(disktest.Unsynced)
			w.crash()
			w.plug.Pull(-1, 0)
			if err := w.open(); err != nil {
				w.fatalf("open: %v", err)
			}
			w.stop()
			if failed == "" {
				break
			}
		}
	}
}

var (
	errInjected = errors.New("injected")
	errHole     = errors.New("hole")
)

// world is a journal with some logs on a disk in memory.
type world struct {
	t       *testing.T
	seed    uint64
	rand    *rand.Rand
	plug    *disktest.Plug
	opt     Options
	logs    []*modelLog
	journal *Journal
	stopped bool // closed well: the next Open has nothing to replay
	unsafe  bool // the power has gone: what is volatile may be lost
	steps   []string
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 7))}
	w.plug = disktest.NewPlug(rand.New(rand.NewPCG(seed, 8)))
	w.opt = Options{
		FileBytes: headerSize + 2000 + w.rand.Int64N(20_000), MaxFiles: 2 + w.rand.IntN(3),
		DirectBytes: []int{-1, 1500, 0}[w.rand.IntN(3)],
	}
	for i := range 1 + w.rand.IntN(5) {
		w.logs = append(w.logs, &modelLog{
			id:       ports.LogID{Topic: fmt.Sprint("topic", i/2), TopicID: [16]byte{byte(i)}, Partition: int32(i % 2)},
			volatile: w.rand.IntN(6) == 0,
		})
	}
	if err := errors.Join(w.plug.FS.MkdirAll("/data"), w.plug.FS.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) step(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	for _, s := range w.steps {
		w.t.Log(s)
	}
	w.t.Fatalf("seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

// open opens the logs and the journal, and checks what they hold.
func (w *world) open() error {
	w.t.Helper()
	w.step("open")
	err := w.tryOpen()
	if err != nil && !errors.Is(err, disktest.ErrPower) && !errors.Is(err, errInjected) {
		w.fatalf("open: %v", err)
	}
	return err
}

func (w *world) tryOpen() error {
	for _, l := range w.logs {
		if err := l.open(w.plug); err != nil {
			return err
		}
	}
	entries, group := 0, uint64(1)
	j, err := Open(w.plug, "/data/journal", w.opt, func(e Entry) error {
		if entries++; e.Group < group {
			return fmt.Errorf("group %d follows group %d", e.Group, group)
		}
		group = e.Group
		for _, l := range w.logs {
			if l.id == e.ID {
				return l.apply(e)
			}
		}
		return fmt.Errorf("entry of a log that does not exist: %v", e.ID)
	}, func() (map[ports.LogID]error, error) {
		for _, l := range w.logs {
			if err := l.file.Sync(); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		return err
	}
	w.journal = j
	if entries > 0 && j.Group() < group {
		w.fatalf("the newest group is %d, and group %d was replayed", j.Group(), group)
	}
	if w.stopped && entries > 0 {
		w.fatalf("%d entries were replayed after a clean stop", entries)
	}
	w.stopped = false
	for _, l := range w.logs {
		if err := l.check(w.unsafe); err != nil {
			w.fatalf("%v: %v", l.id, err)
		}
	}
	w.unsafe = false
	return nil
}

// act appends to the logs, and now and then waits.
func (w *world) act(n int) {
	for range n {
		l := w.logs[w.rand.IntN(len(w.logs))]
		switch w.rand.IntN(8) {
		default:
			for range 1 + w.rand.IntN(4) {
				l.append(w.journal, w.rand, w.opt.FileBytes)
			}
		case 0:
			w.await(l)
		case 1:
			w.awaitAll()
		}
	}
}

func (w *world) await(l *modelLog) {
	w.t.Helper()
	if err := l.await(); err != nil {
		w.fatalf("%v: %v", l.id, err)
	}
}

func (w *world) awaitAll() {
	w.t.Helper()
	for _, l := range w.logs {
		w.await(l)
	}
}

// stop closes the journal well, unless the power goes meanwhile.
func (w *world) stop() {
	w.t.Helper()
	w.step("stop")
	err := w.journal.Close()
	if err != nil && !errors.Is(err, disktest.ErrPower) && !errors.Is(err, errInjected) {
		w.fatalf("close: %v", err)
	}
	w.stopped = err == nil
}

// crash takes the power away, if it is not gone, waits until the journal has given up, and puts in the place of the
// disk what the crash has left of it.
func (w *world) crash() {
	w.t.Helper()
	after, loss := w.plug.Crashed()
	if w.journal != nil {
		w.awaitAll()
		_ = w.journal.Close() // only its goroutines are to end
		w.journal = nil
	}
	w.step("%v", loss)
	w.unsafe = w.unsafe || loss != disktest.Nothing
	for _, l := range w.logs {
		l.crash()
	}
	w.plug.FS = after
}

// modelLog is a log whose own file holds its batches one behind the other.
type modelLog struct {
	id       ports.LogID
	volatile bool
	file     disk.File
	syncing  sync.Mutex

	mu       sync.Mutex
	told     chan struct{} // closed when Done was called for everything that was submitted
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
		l.told = make(chan struct{})
	}
	if !l.queued {
		l.queued = true
		j.Submit(l)
	}
}

// await waits until the log was told about everything that it has submitted.
func (l *modelLog) await() error {
	l.mu.Lock()
	waiting, told := l.waiting, l.told
	l.mu.Unlock()
	if waiting == 0 {
		return nil
	}
	select {
	case <-told:
		return nil
	case <-time.After(20 * time.Second):
		return fmt.Errorf("%d batches were submitted, and nobody tells what became of them", waiting)
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
		ID: l.id, BaseOffset: l.taken[0].BaseOffset(), Previous: l.taken[0].BaseOffset(), Batches: l.taken,
		Volatile: l.volatile || l.failed != nil,
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
		close(l.told)
	}
	l.taken = nil
}
