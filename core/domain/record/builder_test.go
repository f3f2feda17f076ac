package record

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func TestABatchThinnedOutKeepsItsOffsetsAndItsTimes(t *testing.T) {
	source := small(t, 5, nil)
	source.SetBaseOffset(100)
	horizon := int64(99999)
	builder := NewBuilder(Options{
		BaseOffset: source.BaseOffset(), DeleteHorizon: &horizon, Producer: &Producer{ID: 5, Sequence: 10},
	})
	for r, err := range source.Records(Limits{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.OffsetDelta == 1 || r.OffsetDelta == 3 {
			builder.Add(source.BaseOffset()+int64(r.OffsetDelta), source.TimestampOf(r), r)
		}
	}
	builder.SetLastOffset(source.LastOffset())
	b, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	key, value := []byte("key"), []byte("value")
	want := []plain{
		{Offset: 101, Timestamp: 1001, Key: key, Value: value}, {Offset: 103, Timestamp: 1003, Key: key, Value: value},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if h, ok := b.DeleteHorizon(); h != horizon || !ok || b.Count() != 2 || b.LastOffset() != 104 ||
		b.MaxTimestamp() != 1003 || b.LastSequence() != source.LastSequence() {
		t.Errorf("horizon %d, count %d, last offset %d, max timestamp %d, last sequence %d", h, b.Count(),
			b.LastOffset(), b.MaxTimestamp(), b.LastSequence())
	}
}

func TestAnEmptiedBatchStillStandsForItsProducersSequences(t *testing.T) {
	source := kafkaLog(t)[4]
	b, err := Parse(source.Emptied())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.VerifyCRC(); err != nil {
		t.Error(err)
	}
	if got, err := read(b); len(got) != 0 || err != nil {
		t.Errorf("read %+v, %v", got, err)
	}
	if b.BaseOffset() != source.BaseOffset() || b.LastOffset() != source.LastOffset() ||
		b.LastSequence() != source.LastSequence() ||
		b.ProducerID() != source.ProducerID() || b.MaxTimestamp() != source.MaxTimestamp() ||
		b.BaseTimestamp() != NoTimestamp ||
		b.Attributes().Codec() != None || b.Count() != 0 || b.LeaderEpoch() != source.LeaderEpoch() {
		t.Errorf("emptied batch %x of %x", []byte(b), []byte(source[:HeaderSize]))
	}
	if _, ok := b.DeleteHorizon(); ok {
		t.Error("it has a delete horizon")
	}
}

func TestABuilderIsUsedAgainWithoutTouchingWhatItBuilt(t *testing.T) {
	builder := NewBuilder(Options{})
	builder.Append(1, []byte("first"), nil)
	first, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	ms := int64(7)
	builder.Reset(Options{BaseOffset: 9, LogAppendTime: &ms})
	builder.Append(2, []byte("other"), nil)
	second, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := read(first); err != nil || len(got) != 1 || string(got[0].Key) != "first" || got[0].Offset != 0 ||
		got[0].Timestamp != 1 {
		t.Errorf("first: %+v, %v", got, err)
	}
	if got, err := read(second); err != nil || len(got) != 1 || string(got[0].Key) != "other" || got[0].Offset != 9 ||
		got[0].Timestamp != 7 {
		t.Errorf("second: %+v, %v", got, err)
	}
	if builder.Len() != 1 || builder.Size() != len(second) {
		t.Errorf("Len() = %d, Size() = %d", builder.Len(), builder.Size())
	}
}

func TestRecordsAreFoundByTheirTimestamps(t *testing.T) {
	for codec := None; codec <= Zstd; codec++ {
		builder := NewBuilder(Options{BaseOffset: 50, Codec: codec})
		for _, ms := range []int64{100, 300, 200, 300, 150} {
			builder.Append(ms, nil, nil)
		}
		b, err := builder.Build()
		if err != nil {
			t.Fatal(err)
		}
		if offset, ms, err := b.OffsetOfMaxTimestamp(Limits{}); offset != 51 || ms != 300 || err != nil {
			t.Errorf("%v: OffsetOfMaxTimestamp() = %d, %d, %v", codec, offset, ms, err)
		}
		for _, c := range []struct {
			ms, from, offset, at int64
			ok                   bool
		}{
			{0, 0, 50, 100, true},
			{101, 0, 51, 300, true},
			{300, 52, 53, 300, true},
			{200, 52, 52, 200, true},
			{301, 0, 0, -1, false},
			{100, 55, 0, -1, false},
			{160, 54, 0, -1, false},
		} {
			if offset, at, ok, err := b.FirstAtOrAfter(c.ms, c.from, Limits{}); offset != c.offset || at != c.at ||
				ok != c.ok || err != nil {
				t.Errorf("%v: FirstAtOrAfter(%d, %d) = %d, %d, %t, %v, want %+v", codec, c.ms, c.from, offset,
					at, ok, err, c)
			}
		}
		b.SetLogAppendTime(400)
		if offset, ms, err := b.OffsetOfMaxTimestamp(Limits{}); offset != 50 || ms != 400 || err != nil {
			t.Errorf("%v: OffsetOfMaxTimestamp() of LogAppendTime = %d, %d, %v", codec, offset, ms, err)
		}
		if offset, at, ok, err := b.FirstAtOrAfter(400, 0, Limits{}); offset != 50 || at != 400 || !ok || err != nil {
			t.Errorf("%v: FirstAtOrAfter() of LogAppendTime = %d, %d, %t, %v", codec, offset, at, ok, err)
		}
	}
}

func TestMalformedMarkersAreRefused(t *testing.T) {
	control := func(key, value []byte) Batch {
		b := NewBuilder(Options{Control: true})
		b.Append(1, key, value)
		return b.uncompressed()
	}
	good := binary.BigEndian.AppendUint16(nil, 0)
	for name, c := range map[string]struct {
		batch Batch
		ok    bool
		want  fault.Kind
	}{
		"an abort":           {control([]byte{0, 0, 0, 0}, []byte{0, 0, 0, 0, 0, 9}), true, fault.None},
		"of a newer version": {control([]byte{0, 1, 0, 0, 5}, []byte{0, 1, 0, 0, 0, 9, 5}), true, fault.None},
		"a leader change":    {control([]byte{0, 0, 0, 2}, nil), false, fault.None},
		"one emptied":        {control([]byte{0, 0, 0, 0}, nil).Emptied(), false, fault.None},
		"a key too short":    {control(good, nil), false, fault.InvalidRecord},
		"no key":             {control(nil, nil), false, fault.InvalidRecord},
		"a value too short":  {control([]byte{0, 0, 0, 1}, []byte{0, 0, 0, 0, 0}), false, fault.InvalidRecord},
		"a negative version": {
			control([]byte{0xff, 0, 0, 1}, []byte{0, 0, 0, 0, 0, 9}), false, fault.InvalidRecord,
		},
		"a value of bad version": {
			control([]byte{0, 0, 0, 1}, []byte{0xff, 0, 0, 0, 0, 9}), false, fault.InvalidRecord,
		},
	} {
		m, ok, err := c.batch.EndTxn()
		if ok != c.ok || fault.KindOf(err) != c.want || ok && m != (EndTxn{CoordinatorEpoch: 9}) {
			t.Errorf("%s: EndTxn() = %+v, %t, %v", name, m, ok, err)
		}
	}
	if _, err := ControlTypeOf(nil); !errors.Is(err, fault.InvalidRecord) {
		t.Errorf("ControlTypeOf(nil) = %v", err)
	}
}
