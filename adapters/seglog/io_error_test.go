package seglog

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
)

// TestEveryIOErrorInTheLifeOfLogsIsSurvived fails each operation of the disk in turn while logs are appended to, cut,
// reset to another offset, deleted and created again, cleaned, and stopped and started properly. What fails may be
// tried again. Then the store is stopped and started twice more, in each way there is: what was acknowledged is there,
// and nothing that was deleted.
func TestEveryIOErrorInTheLifeOfLogsIsSurvived(t *testing.T) {
	for seed := range uint64(5) {
		step := 1
		if seed > 1 { // these have many logs
			step = 8
		}
		if testing.Short() {
			step *= 5
		}
		for i := int(seed) % step; ; i += step {
			w := newWorld(t, seed)
			w.failing = true
			failed := w.failOperation(i, errors.New("injected"))
			w.live(4)
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

// TestWhatASyncHasFailedForIsWrittenAgain fails the sync of a segment. The process is restarted and finds in the page
// cache what the disk will never see; it may build upon that only when it has written it again.
func TestWhatASyncHasFailedForIsWrittenAgain(t *testing.T) {
	for _, how := range []string{"stopped", "killed"} {
		fs := disktest.New()
		opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: 1}}
		s, l, f := openIn(t, opt, testID)
		appendBatch(t, l, 5)
		f.await(t, 5)
		fs.Fail(func(op disktest.Op, path string) error {
			if op == disktest.OpSync && strings.HasSuffix(path, logSuffix) {
				return syscall.EIO
			}
			return nil
		})
		appendBatch(t, l, 5)
		if err := f.awaitOutcome(t, 10); !errors.Is(err, syscall.EIO) {
			t.Fatalf("the log goes offline by %v", err)
		}
		fs.Fail(nil)
		if how == "killed" {
			opt.FS = fs.Crash(disktest.Nothing, nil)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, l, f = openIn(t, opt, testID)
		end := l.EndOffset()
		appendBatch(t, l, 5)
		f.await(t, end+5)
		left := opt.FS.(*disktest.FS).Crash(disktest.Unsynced, nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		opt.FS = left
		_, l, _ = openIn(t, opt, testID)
		wantOffsets(t, offsets(t, l, 4000), 0, end+5)
	}
}

// live does some of everything. What an error leaves undone is done again where a broker would do so.
func (w *world) live(rounds int) {
	w.t.Helper()
	for round := range rounds {
		for _, m := range w.logs {
			if err := w.append(m); err != nil && m.log.offlineError() == nil {
				w.fatalf("append to %v: %v", m.id, err)
			}
			_ = m.await(w.t)
			w.step("append to %v up to %d, acknowledged %d", m.id, m.end(), m.acknowledged())
		}
		m := w.logs[w.rand.IntN(len(w.logs))]
		if m.log.offlineError() == nil {
			if to := m.acknowledged(); to > m.start && m.log.AdvanceStart(context.Background(), (m.start+to)/2) == nil {
				m.start = (m.start + to) / 2
				m.askedFor = m.start
				w.step("advance %v to %d", m.id, m.start)
			}
		}
		m = w.logs[w.rand.IntN(len(w.logs))]
		if m.log.offlineError() == nil && m.await(w.t) == nil {
			_ = w.truncate(m)
		}
		m = w.logs[w.rand.IntN(len(w.logs))]
		if m.log.offlineError() == nil && m.await(w.t) == nil && round%2 == 1 {
			_ = w.reset(m)
		}
		_ = w.clean()
		for _, m := range w.logs {
			w.noteStart(m)
		}
		w.recreate(w.logs[w.rand.IntN(len(w.logs))])
		if err := w.store.writeAllCheckpoints(w.store.opened()); err != nil {
			w.step("checkpoints: %v", err)
		}
		if round == rounds/2 {
			w.restartWithErrors()
		}
	}
}

// recreate deletes a log and creates another with its name, at the second try if the first one fails.
func (w *world) recreate(m *modelLog) {
	w.t.Helper()
	w.step("delete and create again: %v", m.id)
	if err := w.store.Delete(context.Background(), m.id); err != nil {
		w.step("delete: %v", err)
	}
	w.renew(m)
	if err := w.openLog(m); err != nil {
		w.step("open: %v", err)
		if err := w.openLog(m); err != nil {
			w.fatalf("open %v again: %v", m.id, err)
		}
	}
	w.check(m, 0)
}

// restartWithErrors stops the store and opens it again; one of the two may fail, and is repeated.
func (w *world) restartWithErrors() {
	w.t.Helper()
	for _, m := range w.logs {
		_ = m.await(w.t)
	}
	if err := w.store.Close(); err != nil {
		w.step("close: %v", err)
	}
	w.step("restart")
	var acked []int64
	for _, m := range w.logs {
		acked = append(acked, m.acknowledged())
	}
	w.openWithErrors(acked)
}

// endTwice stops and starts the store twice, properly or not.
func (w *world) endTwice(how int) {
	w.t.Helper()
	for range 2 {
		if how%4 == 3 {
			w.restartWithErrors()
		} else {
			w.step("%v", disktest.Loss(how%4))
			w.crash(disktest.Loss(how % 4))
		}
		how /= 4
		for _, m := range w.logs {
			if err := errors.Join(w.append(m), m.await(w.t)); err != nil {
				w.fatalf("append to %v: %v", m.id, err)
			}
		}
	}
	if err := w.store.Close(); err != nil {
		w.fatalf("close: %v", err)
	}
}
