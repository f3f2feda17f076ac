package seglog

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestUnsyncedRecordsAreSyncedInTime appends under each flush policy and has the power go: before a record is due it is
// lost, which shows that it was not synced, and from then on it is there.
func TestUnsyncedRecordsAreSyncedInTime(t *testing.T) {
	never := time.Duration(math.MaxInt64)
	interval := 700 * time.Millisecond
	for _, c := range []struct {
		name   string
		cfg    ports.LogConfig
		before time.Duration // still unsynced, <0: never
		after  time.Duration // synced, never for not at all
	}{
		{"sync", ports.LogConfig{Flush: ports.FlushSync, FlushAge: never}, -1, 0},
		{"interval", ports.LogConfig{Flush: ports.FlushInterval, FlushAge: never}, interval / 2, interval},
		{
			"interval and flush.ms below",
			ports.LogConfig{Flush: ports.FlushInterval, FlushAge: 10 * time.Millisecond},
			5 * time.Millisecond,
			10 * time.Millisecond,
		},
		{
			"interval and flush.ms above",
			ports.LogConfig{Flush: ports.FlushInterval, FlushAge: time.Hour},
			interval / 2,
			interval,
		},
		{"interval and flush.ms negative", ports.LogConfig{Flush: ports.FlushInterval, FlushAge: -1}, interval / 2, interval},
		{
			"flush.ms",
			ports.LogConfig{Flush: ports.FlushOS, FlushAge: 10 * time.Millisecond},
			5 * time.Millisecond,
			10 * time.Millisecond,
		},
		{"long flush.ms", ports.LogConfig{Flush: ports.FlushOS, FlushAge: time.Minute}, 30 * time.Second, time.Minute},
		{"flush.ms 0", ports.LogConfig{Flush: ports.FlushOS, FlushAge: 0}, -1, 0},
		{"os", ports.LogConfig{Flush: ports.FlushOS, FlushAge: never}, time.Hour, never},
		{"flush.messages reached", ports.LogConfig{Flush: ports.FlushOS, FlushAge: never, FlushMessages: 5}, -1, 0},
		{
			"flush.messages not reached",
			ports.LogConfig{Flush: ports.FlushOS, FlushAge: never, FlushMessages: 6},
			time.Hour,
			never,
		},
		{
			"flush.messages and flush.ms",
			ports.LogConfig{Flush: ports.FlushOS, FlushAge: time.Second, FlushMessages: 6},
			time.Second / 2,
			time.Second,
		},
	} {
		c.cfg.RetentionAge, c.cfg.RetentionBytes = -1, -1
		left := func(t *testing.T, wait time.Duration, loss disktest.Loss) (end int64) {
			t.Helper()
			synctest.Test(t, func(t *testing.T) {
				plug := disktest.NewPlug(rand.New(rand.NewPCG(1, 1)))
				opt := Options{Dir: "/data", FS: plug, FlushInterval: interval, Journal: journal.Options{FileBytes: 32 << 10}}
				s, err := Open(t.Context(), opt)
				if err != nil {
					t.Fatal(err)
				}
				l, f := openLog(t, s, c.cfg)
				time.Sleep(3 * time.Hour) // the store may not live from what it does at the start
				synctest.Wait()
				appendBatch(t, l, 5)
				f.await(t, 5)
				time.Sleep(wait)
				synctest.Wait()
				plug.PullNow(loss)
				_ = s.Close() // without power
				opt.FS, _ = plug.Crashed()
				if s, err = Open(t.Context(), opt); err != nil {
					t.Fatal(err)
				}
				l, _ = openLog(t, s, c.cfg)
				end = l.EndOffset()
				wantOffsets(t, offsets(t, l, 4000), 0, end)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			})
			return end
		}
		t.Run(c.name, func(t *testing.T) {
			if c.before >= 0 {
				if end := left(t, c.before, disktest.Unsynced); end != 0 {
					t.Errorf("after %v the log ends at %d: it was synced", c.before, end)
				}
				if end := left(t, c.before, disktest.Nothing); end != 5 {
					t.Errorf("a killed process has lost records: the log ends at %d", end)
				}
			}
			if c.after < never {
				if end := left(t, c.after, disktest.Unsynced); end != 5 {
					t.Errorf("after %v the log ends at %d, and its record was not synced", c.after, end)
				}
			}
		})
	}
}

// TestAShorterFlushTimeIsForWhatWasWrittenBefore configures a log that holds unsynced records.
func TestAShorterFlushTimeIsForWhatWasWrittenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plug := disktest.NewPlug(rand.New(rand.NewPCG(1, 1)))
		opt := Options{Dir: "/data", FS: plug, Journal: journal.Options{FileBytes: 32 << 10}}
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		cfg := ports.LogConfig{Flush: ports.FlushOS, FlushAge: math.MaxInt64, RetentionAge: -1, RetentionBytes: -1}
		l, f := openLog(t, s, cfg)
		appendBatch(t, l, 5)
		f.await(t, 5)
		time.Sleep(time.Hour)
		cfg.FlushAge = 10 * time.Second
		configure(l, cfg)
		synctest.Wait()
		if l.mu.Lock(); l.recoveryPoint != 5 {
			t.Errorf("synced up to %d", l.recoveryPoint)
		}
		l.mu.Unlock()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWritesOfOneTimeAreSyncedOnce counts how often a log with steady traffic is synced.
func TestWritesOfOneTimeAreSyncedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := disktest.New()
		opt := Options{Dir: "/data", FS: fs, FlushInterval: time.Second, Journal: journal.Options{FileBytes: 32 << 10}}
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		l, f := openLog(
			t, s, ports.LogConfig{Flush: ports.FlushInterval, FlushAge: math.MaxInt64, RetentionAge: -1, RetentionBytes: -1},
		)
		synctest.Wait()
		syncs := 0
		fs.Fail(func(op disktest.Op, _ string) error {
			if op == disktest.OpSync {
				syncs++
			}
			return nil
		})
		for i := range int64(100) {
			appendBatch(t, l, 1)
			f.await(t, i+1)
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if syncs < 9 || syncs > 12 {
			t.Errorf("%d syncs in 10 s with an interval of 1 s", syncs)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// What the journal holds is on its way to the disk long before the journal's files are used again. Logs that no client
// waits for are left to the operating system.
func TestSegmentsAreOnTheirWayToTheDiskEarly(t *testing.T) {
	for flush, want := range map[ports.FlushPolicy]int{ports.FlushSync: 3, ports.FlushOS: 0} {
		s, l, f := openMemory(t, ports.LogConfig{RetentionAge: -1, SegmentBytes: 1 << 30, Flush: flush})
		begun := 0
		s.opt.FS.(*disktest.FS).Fail(func(op disktest.Op, path string) error {
			if op == disktest.OpStartSync && strings.HasSuffix(path, logSuffix) {
				begun++
			}
			return nil
		})
		const size = syncEarly / 8
		for range 3*8 + 4 {
			b := record.NewBuilder(record.Options{BaseOffset: l.EndOffset()})
			b.Append(0, nil, make([]byte, size))
			large, err := b.Build()
			if err == nil {
				err = l.Append([]record.Batch{large}, nil, time.Now())
			}
			if err != nil {
				t.Fatal(err)
			}
			f.await(t, l.EndOffset())
		}
		if begun != want {
			t.Errorf("with flush policy %v a sync was begun %d times, want %d", flush, begun, want)
		}
	}
}
