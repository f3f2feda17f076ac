package checkpoint

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// FuzzProducers holds that what is parsed is written and parsed as the same again, and what is not is
// fault.CorruptMessage. The checksum of the input is corrected first.
func FuzzProducers(f *testing.F) {
	state := new(partition.State)
	f.Add(FormatProducers(state))
	for i := range int64(12) {
		b := record.NewBuilder(record.Options{BaseOffset: i, Producer: &record.Producer{ID: i % 2, Sequence: int32(i / 2)}})
		b.Append(i, nil, nil)
		out, err := b.Build()
		if err != nil {
			f.Fatal(err)
		}
		state.Append(out, i)
	}
	f.Add(FormatProducers(state))
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) >= snapshotHeader {
			binary.BigEndian.PutUint32(in[2:], crc32.Checksum(in[snapshotHeader:], castagnoli))
		}
		parsed, err := ParseProducers(in)
		if err != nil {
			if !errors.Is(err, fault.CorruptMessage) {
				t.Fatal(err)
			}
			return
		}
		first, second := new(partition.State), new(partition.State)
		first.Restore(parsed)
		again, err := ParseProducers(FormatProducers(first))
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

// FuzzOffsets holds that what is parsed is written and parsed as the same again, and what is
// not is fault.CorruptMessage.
func FuzzOffsets(f *testing.F) {
	f.Add([]byte("0\n2\norders 0 17\npayments 12 9223372036854775807\n"))
	f.Add([]byte("0\n0\n"))
	f.Add([]byte("1\n1\norders 0 17\n"))
	f.Add(FormatOffsets(map[LogName]int64{{"orders", 3}: 17, {"payments", 0}: 0}))
	f.Fuzz(func(t *testing.T, in []byte) {
		offsets, _, err := ParseOffsets(in)
		if err != nil {
			if !errors.Is(err, fault.CorruptMessage) {
				t.Fatal(err)
			}
			return
		}
		if again, sealed, err := ParseOffsets(FormatOffsets(offsets)); err != nil || !sealed || !maps.Equal(again, offsets) {
			t.Errorf("%v became %v, %v", offsets, again, err)
		}
	})
}

// FuzzEpochs holds that what is parsed is written and parsed as the same again, and what is
// not is fault.CorruptMessage.
func FuzzEpochs(f *testing.F) {
	f.Add([]byte("0\n2\n0 0\n3 17\n"))
	f.Add([]byte("0\n1\n-1 -1\n"))
	f.Add([]byte("0\n2\n0 0\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		entries, err := ParseEpochs(in)
		if err != nil {
			if !errors.Is(err, fault.CorruptMessage) {
				t.Fatal(err)
			}
			return
		}
		if again, err := ParseEpochs(FormatEpochs(entries)); err != nil || !slices.Equal(again, entries) {
			t.Errorf("%v became %v, %v", entries, again, err)
		}
		new(partition.Epochs).Restore(entries) // takes whatever a checkpoint says
	})
}
