package seglog

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// FuzzIndexes puts any bytes in the place of a segment's indexes, before a start after a clean stop or a crash: every
// record is read and found by its timestamp all the same.
func FuzzIndexes(f *testing.F) {
	opt := Options{Dir: "/data", Journal: journal.Options{FileBytes: 32 << 10}}
	written := disktest.New()
	var all []record.Batch
	prepare := func(t *testing.T) {
		t.Helper()
		if all == nil {
			opt.FS = written
			all = writeIndexed(t, opt)
		}
	}
	f.Add([]byte{}, []byte{}, false, true)
	f.Add([]byte{0, 0, 0, 9, 0, 0, 1, 0}, []byte{0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 2}, true, true)
	f.Add(bytes.Repeat([]byte{0, 0, 0, 5}, 40), bytes.Repeat([]byte{0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 2}, 10), false, false)
	f.Fuzz(func(t *testing.T, offsets, times []byte, last, clean bool) {
		prepare(t)
		opt := opt
		opt.FS = written.Crash(disktest.Nothing, rand.New(rand.NewPCG(1, 1)))
		names, err := opt.FS.ReadDir("/data/orders-0")
		if err != nil {
			t.Fatal(err)
		}
		names = slices.DeleteFunc(names, func(name string) bool { _, ok := parseSegmentName(name, logSuffix); return !ok })
		base, _ := parseSegmentName(names[0], logSuffix)
		if last {
			base, _ = parseSegmentName(names[len(names)-1], logSuffix)
		}
		overwrite(t, opt.FS, "/data/orders-0/"+segmentName(base, indexSuffix), offsets)
		overwrite(t, opt.FS, "/data/orders-0/"+segmentName(base, timeIndexSuffix), times)
		if !clean {
			if err := opt.FS.Remove("/data/" + cleanShutdownFile); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l, _ := openLog(t, s, indexedConfig)
		wantAllFound(t, l, all)
	})
}

func overwrite(t *testing.T, fs disk.FS, path string, content []byte) {
	t.Helper()
	f, err := fs.Open(path, true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(content, 0)
	if err := errors.Join(err, f.Truncate(int64(len(content))), f.Close()); err != nil {
		t.Fatal(err)
	}
}
