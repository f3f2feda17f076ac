package seglog

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
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
	switch w.rand.IntN(18) {
	case 16, 17:
		must(m.await(w.t))
		if m.cfg.Flush != ports.FlushSync {
			m.cfg.Flush = ports.FlushSync
			m.log.Configure(m.cfg)
			must(w.append(m))
			must(m.await(w.t))
			m.loose, m.firm = false, m.end()
		} else if w.rand.IntN(3) == 0 {
			m.cfg.Flush = ports.FlushOS
			m.log.Configure(m.cfg)
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
		must(w.store.Clean(context.Background(), time.UnixMilli(2000)))
		for _, m := range w.logs {
			w.noteStart(m)
		}
		w.step("clean")
	case 9:
		must(w.store.Delete(context.Background(), m.id))
		w.renew(m)
		w.openLog(m)
		w.step("delete and make anew: %v", m.id)
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
		if end := m.end(); end > m.start {
			i := w.rand.IntN(len(m.batches))
			to := m.batches[i].BaseOffset()
			if to < m.start {
				return
			}
			must(m.log.Truncate(context.Background(), to))
			w.step("truncate %v to %d", m.id, to)
			m.batches, m.truncated = m.batches[:i], true
			m.firm = min(m.firm, to)
			m.f.set(func() { m.f.durable = m.log.EndOffset() })
			if m.log.EndOffset() != to {
				if !m.cfg.Compact || m.log.EndOffset() > to {
					w.fatalf("%v ends at %d, truncated to %d", m.id, m.log.EndOffset(), to)
				}
			}
			w.check(m, m.log.EndOffset())
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
			n, failed := 0, ""
			w.fs.Fail(func(op disktest.Op, path string) error {
				if n++; n-1 == i {
					failed = string(op) + " " + path
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
				_ = w.store.Clean(context.Background(), time.UnixMilli(2000))
				for _, m := range w.logs {
					w.noteStart(m)
				}
			}
			w.step("failed: %s", failed)
			w.crash(disktest.Loss(i % 3))
			if err := w.store.Close(); err != nil {
				w.fatalf("close: %v", err)
			}
			if failed == "" {
				t.Logf("seed %d: %d operations", seed, n)
				break
			}
		}
	}
}
