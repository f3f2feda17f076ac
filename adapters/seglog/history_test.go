package seglog

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestHistories runs random histories with crashes and sees that what was acknowledged is there, and nothing else.
func TestHistories(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		if only := os.Getenv("SEED"); only != "" && only != strconv.Itoa(seed) {
			continue
		}
		w := newWorld(t, uint64(seed))
		for range 25 {
			w.act(seed)
		}
		w.step("end")
		w.restart()
		if err := w.store.Close(); err != nil {
			w.fatalf("close: %v", err)
		}
	}
}

// act does one step of a history.
func (w *world) act(int) {
	w.t.Helper()
	m := w.logs[w.rand.IntN(len(w.logs))]
	must := func(err error) {
		w.t.Helper()
		if err != nil {
			w.fatalf("%v: %v", m.id, err)
		}
	}
	switch w.rand.IntN(19) {
	case 18:
		must(m.await(w.t))
		must(w.reset(m))
		w.check(m, m.end())
	case 16, 17:
		must(m.await(w.t))
		if m.cfg.Flush != ports.FlushSync {
			m.cfg.Flush = ports.FlushSync
			configure(m.log, m.cfg)
			must(w.append(m))
			must(m.await(w.t))
			m.loose, m.firm = false, m.end()
		} else if w.rand.IntN(3) == 0 {
			m.cfg.Flush = ports.FlushOS
			configure(m.log, m.cfg)
			m.firm = m.end()
		}
		w.step("flush policy of %v: %d", m.id, m.cfg.Flush)
	case 0, 1, 2, 3, 4:
		must(w.append(m))
		w.step("append to %v up to %d", m.id, m.end())
	case 5:
		must(m.await(w.t))
		w.step("await %v", m.id)
	case 6:
		if to := m.acknowledged(); to > 0 {
			to = w.rand.Int64N(to + 1)
			must(m.log.AdvanceStart(context.Background(), to))
			m.start, m.askedFor = max(m.start, to), max(m.askedFor, to)
			w.step("advance %v to %d", m.id, to)
		}
	case 7, 8:
		must(w.clean())
		for _, m := range w.logs {
			w.noteStart(m)
		}
		w.step("clean")
	case 9:
		must(w.store.Delete(context.Background(), m.id))
		w.renew(m)
		must(w.openLog(m))
		w.step("delete and create again: %v", m.id)
	case 10:
		w.step("restart")
		w.restart()
	case 11, 12, 13:
		loss := disktest.Loss(w.rand.IntN(3))
		w.step("%v", loss)
		w.crash(loss)
	case 14:
		if from, to := m.start, m.acknowledged(); from < to {
			w.checkRecords(m, from, to)
		}
	case 15:
		must(m.await(w.t))
		must(w.truncate(m))
		w.check(m, m.log.EndOffset())
	}
}

// clean has all logs cleaned, each up to where some batch ends: that and what lies below is committed from now on.
func (w *world) clean() error {
	var errs []error
	for _, m := range w.logs {
		durable := m.acknowledged()
		for _, b := range m.batches {
			if end := b.NextOffset(); end > m.committed && end <= durable && w.rand.IntN(3) > 0 {
				m.committed = end
			}
		}
		errs = append(errs, cleanUpTo(context.Background(), m.log, time.UnixMilli(2000), func() int64 { return m.committed }))
	}
	return errors.Join(errs...)
}

// truncate cuts a log at a random batch that is not committed. When that fails, it is not known what is left behind it.
func (w *world) truncate(m *modelLog) error {
	w.t.Helper()
	var bases []int64
	for _, b := range m.batches {
		if base := b.BaseOffset(); base >= max(m.start, m.committed) {
			bases = append(bases, base)
		}
	}
	if len(bases) == 0 {
		return nil
	}
	to := bases[w.rand.IntN(len(bases))]
	i := slices.IndexFunc(m.batches, func(b record.Batch) bool { return b.BaseOffset() == to })
	w.step("truncate %v to %d", m.id, to)
	m.firm = min(m.firm, to)
	if err := m.log.Truncate(context.Background(), to); err != nil {
		switch { // the log ends with its last record when the file that would say so behind a gap is not made
		case m.cfg.Compact: // what is below to may be compacted away, but not the last record that is committed
			to = max(m.start, m.committed)
		case i == 0:
			to = m.start
		default:
			to = max(m.start, m.batches[i-1].NextOffset())
		}
		m.f.set(func() { m.f.durable = to })
		return err
	}
	end := m.log.EndOffset()
	if end != to {
		w.fatalf("%v ends at %d, truncated to %d", m.id, end, to)
	}
	m.forget(end)
	m.firm = min(m.firm, end)
	m.f.set(func() { m.f.durable = end })
	return nil
}

// reset empties a log and starts it above its end, below its start, or between. When that fails, it has or it has not.
func (w *world) reset(m *modelLog) error {
	w.t.Helper()
	to := w.rand.Int64N(m.end() + 20)
	w.step("reset %v to %d", m.id, to)
	m.resetting = &to
	if err := m.log.ResetTo(context.Background(), to); err != nil {
		return err
	}
	m.resetting = nil
	m.beginAt(to)
	epochs := w.stored(m)
	if n := m.log.state.Producers.Len() + len(epochs.Entries()); n != 0 || m.log.Size() != 0 {
		w.fatalf("%v has %d producers and epochs and %d bytes after a reset", m.id, n, m.log.Size())
	}
	return nil
}

// beginAt makes the model an empty log.
func (m *modelLog) beginAt(start int64) {
	m.batches, m.seqs, m.found = nil, map[int64]int32{}, nil
	m.start, m.base, m.askedFor, m.firm = start, start, start, start
	m.committed = start
	m.f.set(func() { m.f.durable = start })
}

// workUntilDeath does some of everything, until the power goes.
func (w *world) workUntilDeath(rounds int) {
	w.t.Helper()
	try := func(do func() error) bool {
		w.t.Helper()
		err := do()
		if err != nil && !w.plug.Off() {
			w.fatalf("%v", err)
		}
		return err == nil
	}
	for range rounds {
		for _, m := range w.logs {
			if !try(func() error { return w.append(m) }) || !try(func() error { return m.await(w.t) }) {
				return
			}
			w.step("append to %v up to %d", m.id, m.end())
		}
		m := w.logs[w.rand.IntN(len(w.logs))]
		if w.rand.IntN(3) == 0 && !try(func() error { return w.truncate(m) }) {
			return
		}
		if w.rand.IntN(4) == 0 && !try(func() error { return w.reset(m) }) {
			return
		}
		if w.rand.IntN(2) == 0 && !try(w.clean) {
			return
		}
		for _, m := range w.logs {
			w.noteStart(m)
		}
	}
}

// TestEveryMomentOfDeathIsSurvived ends a short history before each operation of the disk in turn, and then the
// recovery from that before one of its own. What was acknowledged is there, also when the power goes afterwards: what
// a killed run has left in the page cache only must not be built upon.
func TestEveryMomentOfDeathIsSurvived(t *testing.T) {
	step := 1
	if testing.Short() {
		step = 10
	}
	for seed := range uint64(3) {
		for _, loss := range []disktest.Loss{disktest.Nothing, disktest.Unsynced, disktest.SomeBlocks} {
			for i, reached := 0, true; reached; i += step {
				w := newWorld(t, seed)
				w.failing = true
				w.plug.Pull(i, loss)
				w.workUntilDeath(4)
				reached = w.plug.Off()
				w.step("%v before operation %d", loss, i)
				acked := w.die(loss)

				n := w.rand.IntN(60)
				w.plug.Pull(n, loss)
				switch err := w.tryOpen(); {
				case err == nil:
					w.checkAll(acked)
					w.workUntilDeath(2)
					acked = w.die(loss)
				case errors.Is(err, disktest.ErrPower):
					w.leave()
				default:
					w.fatalf("open: %v", err)
				}
				w.step("%v before operation %d of the next run", loss, n)

				w.open()
				w.checkAll(acked)
				w.workUntilDeath(1)
				w.crash(disktest.Unsynced)
				if err := w.store.Close(); err != nil {
					w.fatalf("close: %v", err)
				}
			}
		}
	}
}

// TestEveryIOErrorIsSurvived fails each operation of a short history in turn.
func TestEveryIOErrorIsSurvived(t *testing.T) {
	errInjected := errors.New("injected")
	for seed := range uint64(2) {
		for i := 0; ; i++ {
			w := newWorld(t, seed)
			w.failing = true
			var n atomic.Int64
			var failed atomic.Value // what, in words
			w.plug.Fail(func(op disktest.Op, path string) error {
				if n.Add(1)-1 == int64(i) {
					failed.Store(string(op) + " " + path)
					return errInjected
				}
				return nil
			})
			w.step("operation %d fails", i)
			for range 6 {
				for _, m := range w.logs {
					if err := w.append(m); err != nil && m.log.offlineError() == nil {
						w.fatalf("append to %v: %v", m.id, err)
					}
				}
				for _, m := range w.logs {
					_ = m.await(t)
				}
				_ = w.clean()
				for _, m := range w.logs {
					w.noteStart(m)
				}
			}
			w.step("failed: %v", failed.Load())
			w.crash(disktest.Loss(i % 3))
			if err := w.store.Close(); err != nil {
				w.fatalf("close: %v", err)
			}
			if failed.Load() == nil {
				t.Logf("seed %d: %d operations", seed, n.Load())
				break
			}
		}
	}
}
