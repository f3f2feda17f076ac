package record

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// lenient are rules that the batches of these tests obey.
var lenient = Rules{Topic: "orders", Partition: 3, Now: 1000, Before: math.MaxInt64, After: math.MaxInt64}

func TestCheckFollowsKafkasHeaderRules(t *testing.T) {
	for name, c := range map[string]struct {
		patch func(Batch)
		want  fault.Kind
		text  string
	}{
		"a good batch": {nil, fault.None, ""},
		"a base offset": {
			func(b Batch) { b.SetBaseOffset(5) }, fault.InvalidRecord,
			"The baseOffset of the record batch in the append to orders-3 should be 0, but it is 5",
		},
		"a negative last offset": {
			func(b Batch) { put32(b, offLastDelta, -1) }, fault.InvalidRecord,
			"Batch has an invalid offset range: [0, -1] in topic partition orders-3",
		},
		"no records": {
			func(b Batch) { put32(b, offCount, 0) }, fault.InvalidRecord,
			"Invalid reported count for record batch: 0 in topic partition orders-3",
		},
		"a count that is not the offsets'": {
			func(b Batch) { put32(b, offCount, 2) }, fault.InvalidRecord,
			"Inconsistent batch offset range [0, 2] and count of records 2 in topic partition orders-3",
		},
		"a count that overflows": {
			func(b Batch) { put32(b, offCount, math.MinInt32); put32(b, offLastDelta, math.MaxInt32) },
			fault.InvalidRecord, "Invalid reported count",
		},
		"more records than there are": {
			func(b Batch) { put32(b, offCount, 4); put32(b, offLastDelta, 3) }, fault.InvalidRecord,
			"premature EOF reached",
		},
		"fewer records than there are": {
			func(b Batch) { put32(b, offCount, 2); put32(b, offLastDelta, 1) }, fault.InvalidRecord,
			"records still remaining",
		},
		"a control batch": {
			func(b Batch) { b[offAttributes+1] |= byte(AttrControl) }, fault.InvalidRecord,
			"Clients are not allowed to write control records in topic partition orders-3",
		},
		"a producer without sequence": {
			func(b Batch) { put32(b, offSequence, -1) }, fault.InvalidRecord,
			"Invalid sequence number -1 in record batch with producerId 5 in topic partition orders-3",
		},
		"a producer without epoch": {func(b Batch) { b[offEpoch] = 0xff }, fault.InvalidRecord, "Invalid epoch"},
		"a transaction without a producer": {
			func(b Batch) {
				b[offAttributes+1] |= byte(AttrTransactional)
				binary.BigEndian.PutUint64(b[offProducerID:], math.MaxUint64)
			},
			fault.InvalidRecord, "without producerId",
		},
		"a codec that the records are not in": {
			func(b Batch) { b[offAttributes+1] = byte(Gzip) }, fault.InvalidRecord,
			"Failed to decompress record stream",
		},
		"an offset delta out of order": {
			func(b Batch) { b[HeaderSize+3] = 2 }, fault.InvalidRecord, "Record 0 has offset delta 1",
		},
		"a record longer than its fields": {
			func(b Batch) { b[HeaderSize+5] = 'x'; b[HeaderSize+4] = 0 }, fault.InvalidRecord,
			"Found invalid record structure",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Check(small(t, 3, c.patch), lenient)
			if fault.KindOf(err) != c.want || err != nil && !strings.Contains(err.Error(), c.text) {
				t.Errorf("Check() = %v, want %v with %q", err, c.want, c.text)
			}
		})
	}
}

func TestABatchLargerThanTheTopicAllowsIsRefusedBeforeItsChecksumIsComputed(t *testing.T) {
	b := small(t, 3, nil)
	b[len(b)-1]++
	rules := lenient
	rules.MaxBytes = len(b)
	if _, err := Check(b, rules); !errors.Is(err, fault.CorruptMessage) {
		t.Errorf("Check() of a corrupt batch = %v", err)
	}
	rules.MaxBytes--
	if _, err := Check(b, rules); !errors.Is(err, fault.MessageTooLarge) {
		t.Errorf("Check() of a large batch = %v", err)
	}
}

// refused returns the record errors of err, by index.
func refused(err error) map[int32]string {
	all := map[int32]string{}
	if r, ok := errors.AsType[*Rejected](err); ok {
		for _, e := range r.Records {
			all[e.Index] = e.Message
		}
	}
	return all
}

func TestRecordsOutsideTheTopicsTimeAreNamed(t *testing.T) {
	builder := NewBuilder(Options{})
	for _, ms := range []int64{1000, 899, NoTimestamp, 900, 1050, 1051} {
		builder.Append(ms, nil, nil)
	}
	b, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	rules := Rules{Topic: "orders", Now: 1000, Before: 100, After: 50}
	_, err = Check(b, rules)
	if !errors.Is(err, fault.InvalidTimestamp) ||
		err.Error() != "One or more records have been rejected due to invalid timestamp" {
		t.Errorf("Check() = %v", err)
	}
	want := map[int32]string{
		1: "Timestamp 899 of message with offset 1 is out of range. The timestamp should be within [900, 1050]",
		5: "Timestamp 1051 of message with offset 5 is out of range. The timestamp should be within [900, 1050]",
	}
	if diff := cmp.Diff(want, refused(err)); diff != "" {
		t.Errorf("record errors (-want +got):\n%s", diff)
	}
	rules.LogAppendTime = true
	if _, err := Check(b, rules); err != nil {
		t.Errorf("Check() under LogAppendTime = %v", err)
	}
}

func TestRecordsWithoutKeyAreNamedInACompactedTopic(t *testing.T) {
	builder := NewBuilder(Options{Codec: LZ4})
	for i := range 5 {
		var key []byte
		if i == 2 {
			key = []byte{}
		}
		builder.Append(1000, key, nil)
	}
	b, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	rules := lenient
	if _, err := Check(b, rules); err != nil {
		t.Errorf("Check() without compaction = %v", err)
	}
	rules.Compacted, rules.TrustCompressed = true, true
	_, err = Check(b, rules)
	const one = "Compacted topic cannot accept message without key in topic partition orders-3"
	if diff := cmp.Diff(map[int32]string{0: one, 1: one, 3: one, 4: one}, refused(err)); diff != "" {
		t.Errorf("record errors (-want +got):\n%s", diff)
	}
	if want := "One or more records have been rejected due to 4 record errors in total, and only showing the first " +
		"three errors at most: " +
		"[RecordError(batchIndex=0, message='" + one + "'), "; !errors.Is(err, fault.InvalidRecord) ||
		!strings.HasPrefix(err.Error(), want) {
		t.Errorf("Check() = %v", err)
	}
}

func TestTheListOfRecordErrorsIsBounded(t *testing.T) {
	b := small(t, 3*maxRecordErrors, nil)
	_, err := Check(b, Rules{Now: 1e9})
	if got := len(refused(err)); got != maxRecordErrors {
		t.Errorf("%d record errors, want %d", got, maxRecordErrors)
	}
}

func TestCheckCorrectsAMaxTimestampThatTheRecordsDoNotHave(t *testing.T) {
	b := small(t, 3, func(b Batch) { b.SetMaxTimestamp(77777) })
	info, err := Check(b, lenient)
	if err != nil || info.MaxTimestamp != 1002 || info.MaxDelta != 2 || b.MaxTimestamp() != 1002 {
		t.Errorf("Check() = %+v, %v; max timestamp %d", info, err, b.MaxTimestamp())
	}
	if err := b.VerifyCRC(); err != nil {
		t.Error(err)
	}
}

func TestALogAppendTimeBatchFromAClientIsRefusedOnlyWhereKafkaRefusesIt(t *testing.T) {
	stamp := func(b Batch) { b.SetLogAppendTime(1000) }
	b := small(t, 2, stamp)
	if _, err := Check(b, lenient); err != nil || b.LogAppendTime() {
		t.Errorf("Check() under CreateTime = %v, attributes %b", err, b.Attributes())
	}
	rules := lenient
	rules.LogAppendTime = true
	if _, err := Check(small(t, 2, stamp), rules); !errors.Is(err, fault.InvalidTimestamp) || len(refused(err)) != 2 {
		t.Errorf("Check() under LogAppendTime = %v", err)
	}
}

func TestACompressedBatchOnTrustIsNotDecompressed(t *testing.T) {
	b := small(t, 2, func(b Batch) { b[offAttributes+1] = byte(Zstd) }) // and its records are no zstd
	rules := lenient
	rules.TrustCompressed = true
	if info, err := Check(b, rules); err != nil || info.MaxTimestamp != 1001 {
		t.Errorf("Check() on trust = %+v, %v", info, err)
	}
	rules.Before, rules.After = 0, 0
	if _, err := Check(b, rules); !errors.Is(err, fault.InvalidTimestamp) {
		t.Errorf("Check() of its time = %v", err)
	}
	if _, err := Check(b, lenient); !errors.Is(err, fault.InvalidRecord) {
		t.Errorf("Check() of its records = %v", err)
	}
}

func TestCheckingAnUncompressedBatchAllocatesNothing(t *testing.T) {
	b := small(t, 100, nil)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := Check(b, lenient); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestADecompressionBombIsRefusedInBoundedMemory(t *testing.T) {
	for codec := Gzip; codec <= Zstd; codec++ {
		t.Run(codec.String(), func(t *testing.T) {
			builder := NewBuilder(Options{Codec: codec})
			builder.Append(1000, nil, make([]byte, 40<<20))
			b, err := builder.Build()
			if err != nil {
				t.Fatal(err)
			}
			rules := lenient
			rules.Limits = Limits{Bytes: 8 << 20}
			got := allocated(func() {
				if _, err := Check(b, rules); !errors.Is(err, fault.InvalidRecord) ||
					!strings.Contains(err.Error(), "larger than 8388608 bytes") {
					t.Errorf("Check() = %v", err)
				}
			})
			if got > 10<<20 {
				t.Errorf("%d bytes compressed, %d allocated", len(b), got)
			}
			if _, err := read(b); err != nil {
				t.Errorf("within the default limit: %v", err)
			}
		})
	}
}
