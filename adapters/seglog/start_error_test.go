package seglog

import (
	"context"
	"errors"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
)

// TestEveryIOErrorInAStartAfterACrashIsSurvived fails each operation of the disk in turn while a store is opened that
// has been killed or has lost its power, and its logs. What fails is tried again, as a broker does. Then the store is
// stopped and started twice more, in each way there is.
func TestEveryIOErrorInAStartAfterACrashIsSurvived(t *testing.T) {
	for seed := range uint64(6) {
		step := 3
		if testing.Short() {
			step = 29
		}
		for i := int(seed) % step; ; i += step {
			w := newWorld(t, seed)
			w.failing = true
			w.live(3)
			for _, m := range w.logs { // for the journal to have something of all
				if err := errors.Join(w.append(m), m.await(t)); err != nil {
					w.fatalf("append to %v: %v", m.id, err)
				}
			}
			acked := w.die([]disktest.Loss{disktest.Nothing, disktest.Unsynced}[i%2])
			why := []error{errors.New("injected"), syscall.EMFILE}[i/2%2]
			failed := w.failOperation(i, why)
			w.openWithErrors(acked)
			w.step("failed: %v", failed.Load())
			w.plug.Fail(nil)
			w.endTwice(i)
			if failed.Load() == nil {
				t.Logf("seed %d: %d operations", seed, i)
				break
			}
		}
	}
}

// failOperation fails the n-th operation from now on. It returns what that was, in words, when it came to it.
func (w *world) failOperation(n int, err error) *atomic.Value {
	var failed atomic.Value
	var done atomic.Int64
	w.step("operation %d fails by %v", n, err)
	w.plug.Fail(func(op disktest.Op, path string) error {
		if done.Add(1)-1 == int64(n) {
			failed.Store(string(op) + " " + path)
			return err
		}
		return nil
	})
	return &failed
}

// openWithErrors opens the store and its logs, of which one may fail, and is opened again.
func (w *world) openWithErrors(acked []int64) {
	w.t.Helper()
	s, err := Open(context.Background(), w.opt)
	if err != nil {
		w.step("open: %v", err)
		if s, err = Open(context.Background(), w.opt); err != nil {
			w.fatalf("open again: %v", err)
		}
	}
	w.store = s
	for _, m := range w.logs {
		if err := w.openLog(m); err != nil {
			w.step("open: %v", err)
			if err := w.openLog(m); err != nil {
				w.fatalf("open %v again: %v", m.id, err)
			}
		}
	}
	w.checkAll(acked)
}
