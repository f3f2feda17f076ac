package seglog

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestAnErrorThatPassesTakesNoLogOffline lacks space or descriptors for a while: appends wait, reads go on, and
// then all is as if nothing had been. A store that is closed meanwhile does not wait, and the next start has
// all that was acknowledged.
func TestAnErrorThatPassesTakesNoLogOffline(t *testing.T) {
	ofA := func(path string) bool { return strings.HasPrefix(path, "/data/a-0/") }
	inJournal := func(path string) bool { return strings.Contains(path, "/journal/") }
	for _, c := range []struct {
		name   string
		err    error
		fails  func(op disktest.Op, path string) bool
		direct int // see journal.Options
	}{
		{"no space for the journal", syscall.ENOSPC, func(op disktest.Op, path string) bool {
			return op == disktest.OpWrite && inJournal(path)
		}, -1},
		{"no space for a segment", syscall.ENOSPC, func(op disktest.Op, path string) bool {
			return op == disktest.OpWrite && ofA(path)
		}, -1},
		{"no space for anything", syscall.ENOSPC, func(op disktest.Op, _ string) bool { return op == disktest.OpWrite }, -1},
		{"no space for anything, around the journal", syscall.ENOSPC, func(op disktest.Op, _ string) bool {
			return op == disktest.OpWrite
		}, 1},
		{"the quota is used up", syscall.EDQUOT, func(op disktest.Op, _ string) bool { return op == disktest.OpWrite }, -1},
		{"too many open files", syscall.EMFILE, func(op disktest.Op, _ string) bool { return op == disktest.OpOpen }, -1},
		{"too many open files in the machine", syscall.ENFILE, func(op disktest.Op, _ string) bool {
			return op == disktest.OpOpen
		}, 1},
		{"writes are interrupted", syscall.EINTR, func(op disktest.Op, _ string) bool { return op == disktest.OpWrite }, -1},
	} {
		for _, ends := range []string{"it passes", "the store is closed"} {
			t.Run(c.name+", "+ends, func(t *testing.T) {
				fs := disktest.New()
				opt := Options{
					Dir:          "/data",
					FS:           fs,
					MaxOpenFiles: 3,
					Journal:      journal.Options{FileBytes: 32 << 10, DirectBytes: c.direct},
				}
				cfg := ports.LogConfig{SegmentBytes: 1000, RetentionAge: -1, RetentionBytes: -1}
				s, logs, witnesses := openNamed(t, opt, cfg, []string{"a", "b"})
				for i, l := range logs {
					appendBatch(t, l, 20)
					witnesses[i].await(t, 20)
				}
				failed := make(chan struct{}, 1)
				fs.Fail(func(op disktest.Op, path string) error {
					if !c.fails(op, path) {
						return nil
					}
					select {
					case failed <- struct{}{}:
					default:
					}
					return c.err
				})
				for _, l := range logs { // more than one segment takes
					appendBatch(t, l, 20)
				}
				<-failed
				if ends == "the store is closed" {
					_ = s.Close() // says what has failed
					fs.Fail(nil)
					_, again, _ := openNamed(t, opt, cfg, []string{"a", "b"})
					for i, l := range again {
						if end := l.EndOffset(); end < witnesses[i].durable {
							t.Errorf("log %d ends at %d, acknowledged was %d", i, end, witnesses[i].durable)
						}
						wantOffsets(t, offsets(t, l, 4000), 0, l.EndOffset())
					}
					return
				}
				for _, l := range logs {
					if slice, err := l.Read(0, 20, 100); errors.Is(err, fault.KafkaStorageError) && errors.Is(c.err, syscall.ENOSPC) {
						t.Errorf("a read meanwhile: %v", err)
					} else if err == nil {
						slice.Release()
					}
				}
				fs.Fail(nil)
				for i, l := range logs {
					witnesses[i].await(t, 40)
					appendBatch(t, l, 20)
					witnesses[i].await(t, 60)
					wantOffsets(t, offsets(t, l, 4000), 0, 60)
				}
				opt.FS = fs.Crash(disktest.Unsynced, nil)
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				_, again, _ := openNamed(t, opt, cfg, []string{"a", "b"})
				for _, l := range again {
					wantOffsets(t, offsets(t, l, 4000), 0, 60)
				}
			})
		}
	}
}
