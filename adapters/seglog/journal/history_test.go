package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
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

// TestEveryIOErrorIsSurvived fails each operation of the disk in turn. Done is called for every chunk, and what was
// reported as durable is there after a loss of power.
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
		FileBytes:   headerSize + 2000 + w.rand.Int64N(20_000),
		MaxFiles:    2 + w.rand.IntN(3),
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
	repeats := w.carries()
	j, err := Open(w.plug, "/data/journal", w.opt, func(e Entry) error {
		if entries++; e.Group < group && !repeats {
			return fmt.Errorf("group %d follows group %d", e.Group, group)
		}
		group = max(group, e.Group)
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

// carries reports whether there is a file with what logs could not take. A crash may have come before the files were
// freed from which it was carried over: then its entries, which are of older groups, are replayed once more.
func (w *world) carries() bool {
	w.t.Helper()
	found, err := openFiles(w.plug.FS, "/data/journal", w.opt)
	if err != nil {
		return false // there is no journal yet
	}
	defer found.close()
	return slices.ContainsFunc(found.found, func(f *file) bool { return f.known && f.state == stateCarried })
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
