package seglog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
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

// FuzzParseSnapshot holds that what is parsed is written and parsed as the same again, and what is not is
// fault.CorruptMessage. The checksum of the input is made right.
func FuzzParseSnapshot(f *testing.F) {
	state := new(partition.State)
	f.Add(formatSnapshot(state))
	for i := range int64(12) {
		b := record.NewBuilder(record.Options{BaseOffset: i, Producer: &record.Producer{ID: i % 2, Sequence: int32(i / 2)}})
		b.Append(i, nil, nil)
		out, err := b.Build()
		if err != nil {
			f.Fatal(err)
		}
		state.Append(out, i)
	}
	f.Add(formatSnapshot(state))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) >= snapshotHeader {
			binary.BigEndian.PutUint32(in[2:], crc32.Checksum(in[snapshotHeader:], castagnoli))
		}
		parsed, err := parseSnapshot(in)
		if err != nil {
			if !errors.Is(err, fault.CorruptMessage) {
				t.Fatal(err)
			}
			return
		}
		first, second := new(partition.State), new(partition.State)
		first.Restore(parsed)
		again, err := parseSnapshot(formatSnapshot(first))
		if err != nil {
			t.Fatal(err)
		}
		second.Restore(again)
		byID := func(state *partition.State) map[int64]partition.Producer {
			all := make(map[int64]partition.Producer)
			for p := range state.Snapshot() {
				all[p.ID] = p
			}
			return all
		}
		if diff := cmp.Diff(byID(first), byID(second)); diff != "" {
			t.Error(diff)
		}
	})
}

// FuzzParseOffsets holds that what is parsed is written and parsed as the same again, and what is
// not is fault.CorruptMessage.
func FuzzParseOffsets(f *testing.F) {
	f.Add([]byte("0\n2\norders 0 17\npayments 12 9223372036854775807\n"))
	f.Add([]byte("0\n0\n"))
	f.Add([]byte("1\n1\norders 0 17\n"))
	f.Add(formatOffsets(map[logName]int64{{"orders", 3}: 17, {"payments", 0}: 0}))
	f.Fuzz(func(t *testing.T, in []byte) {
		offsets, _, err := parseOffsets(in)
		if err != nil {
			if !errors.Is(err, fault.CorruptMessage) {
				t.Fatal(err)
			}
			return
		}
		if again, sealed, err := parseOffsets(formatOffsets(offsets)); err != nil || !sealed || !maps.Equal(again, offsets) {
			t.Errorf("%v became %v, %v", offsets, again, err)
		}
	})
}

// FuzzParseEpochs holds that what is parsed is written and parsed as the same again, and what is
// not is fault.CorruptMessage.
func FuzzParseEpochs(f *testing.F) {
	f.Add([]byte("0\n2\n0 0\n3 17\n"))
	f.Add([]byte("0\n1\n-1 -1\n"))
	f.Add([]byte("0\n2\n0 0\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		entries, err := parseEpochs(in)
		if err != nil {
			if !errors.Is(err, fault.CorruptMessage) {
				t.Fatal(err)
			}
			return
		}
		if again, err := parseEpochs(formatEpochs(entries)); err != nil || !slices.Equal(again, entries) {
			t.Errorf("%v became %v, %v", entries, again, err)
		}
		new(partition.Epochs).Restore(entries) // takes whatever a checkpoint says
	})
}
