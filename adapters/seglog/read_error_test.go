package seglog

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestWhatCannotBeReadAtAStartIsNotCutOff fails each read of a segment once while a log is checked after a kill, whose
// records were synced in the segment, around the journal, and are nowhere else. That a disk does not answer says
// nothing of what is on it.
func TestWhatCannotBeReadAtAStartIsNotCutOff(t *testing.T) {
	for n, more := int64(0), true; more; n++ {
		fs := disktest.New()
		opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: 1}}
		s, l, f := openIn(t, opt, testID)
		for end := int64(20); end <= 400; end += 20 {
			appendBatch(t, l, 20)
			f.await(t, end)
		}
		left := fs.Crash(disktest.Nothing, nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		var done atomic.Int64
		left.Fail(func(op disktest.Op, path string) error {
			if op != disktest.OpRead || !strings.HasSuffix(path, logSuffix) || done.Add(1)-1 != n {
				return nil
			}
			return syscall.EIO
		})
		opt.FS = left
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
		again, err := s.Open(t.Context(), testID, &cfg, new(partition.State), newWitness())
		if err != nil { // it is tried again
			again, err = s.Open(t.Context(), testID, &cfg, new(partition.State), newWitness())
		}
		if err != nil {
			t.Fatalf("read %d: %v", n, err)
		}
		more = done.Load() > n
		left.Fail(nil)
		wantOffsets(t, offsets(t, again.(*Log), 4000), 0, 400)
	}
}
