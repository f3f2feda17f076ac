package record

import (
	"fmt"
	"math"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Rules are a topic's rules for the batches that clients produce to it.
type Rules struct {
	Topic         string // Topic and Partition are for error texts
	Partition     int32
	MaxBytes      int   // max.message.bytes: of a batch as it is sent; 0 for no limit
	Compacted     bool  // cleanup.policy has compact: every record needs a key
	LogAppendTime bool  // message.timestamp.type
	Now           int64 // wall clock, milliseconds
	Before, After int64 // message.timestamp.before.max.ms and .after.max.ms

	// TrustCompressed accepts compressed batches by their headers, if the other rules do not need the records, which
	// are then neither decompressed nor counted. Kafka always counts them.
	TrustCompressed bool
	Limits          Limits // of decompression
}

// Info is what Check has found out about a batch.
type Info struct {
	MaxTimestamp int64 // the largest timestamp of a record, NoTimestamp when none has one
	// MaxDelta is the offset delta of the first record with that timestamp, or of the last record if Check did not need
	// to look for it.
	MaxDelta    int32
	RecordBytes int // size of the decompressed records; 0 if they were not read
}

// Rejected is the error for a batch in which single records break a rule (KIP-467). Its fault is InvalidTimestamp or
// InvalidRecord.
type Rejected struct {
	Fault   *fault.Error
	Records []RecordError // in the batch's order, at most maxRecordErrors of them
}

// RecordError tells which record of a batch was refused, and why.
type RecordError struct {
	Index   int32
	Message string
}

// maxRecordErrors bounds the number of record errors in a response. Kafka's is unbounded.
const maxRecordErrors = 1000

// Error returns the text for the batch as a whole.
func (r *Rejected) Error() string { return r.Fault.Error() }

// Unwrap returns the fault.
func (r *Rejected) Unwrap() error { return r.Fault }

// Check decides whether a client may append b, which ParseProduced has returned. It makes the checks of Kafka's
// UnifiedLog and LogValidator, in their order and with their messages. It corrects the batch's max timestamp if it is
// not the records', and removes AttrLogAppendTime where the topic keeps the producer's timestamps.
//
// Check reads uncompressed batches without allocating, and decompresses others window by window. It is stricter than
// Kafka in two ways. Offset deltas must be 0, 1, 2 and so on; Kafka rewrites compressed batches and accepts others. And
// compressed records must be well-formed to their last byte.
//
// Errors: fault.InvalidRecord, MessageTooLarge, CorruptMessage, InvalidTimestamp; a *Rejected if single records are the
// reason.
func Check(b Batch, rules Rules) (Info, error) {
	if err := checkHeader(b, &rules); err != nil {
		return Info{}, err
	}
	info, err := checkRecords(b, &rules)
	if err != nil {
		return Info{}, err
	}
	if !rules.LogAppendTime {
		b.SetMaxTimestamp(info.MaxTimestamp)
	}
	return info, nil
}

// checkHeader makes the checks that do not need the records.
func checkHeader(b Batch, rules *Rules) error {
	invalid := func(format string, args ...any) error {
		return fault.New(fault.InvalidRecord, "%s in topic partition %s-%d", fmt.Sprintf(format, args...), rules.Topic,
			rules.Partition)
	}
	last, count := b.LastOffsetDelta(), b.Count()
	switch {
	case b.BaseOffset() != 0:
		return fault.New(fault.InvalidRecord,
			"The baseOffset of the record batch in the append to %s-%d should be 0, but it is %d",
			rules.Topic, rules.Partition, b.BaseOffset())
	case rules.MaxBytes > 0 && len(b) > rules.MaxBytes:
		return fault.New(fault.MessageTooLarge,
			"The record batch size in the append to %s-%d is %d bytes "+
				"which exceeds the maximum configured value of %d.",
			rules.Topic, rules.Partition, len(b), rules.MaxBytes)
	case b.checksum() != b.CRC():
		return fault.New(fault.CorruptMessage, "Record is corrupt (stored crc = %d) in topic partition %s-%d.",
			b.CRC(), rules.Topic, rules.Partition)
	case last < 0:
		return invalid("Batch has an invalid offset range: [0, %d]", last)
	case count <= 0:
		return invalid("Invalid reported count for record batch: %d", count)
	case int64(last)+1 != int64(count):
		return invalid("Inconsistent batch offset range [0, %d] and count of records %d", last, count)
	case b.Control():
		return invalid("Clients are not allowed to write control records")
	case b.HasProducerID() && b.BaseSequence() < 0:
		return invalid("Invalid sequence number %d in record batch with producerId %d", b.BaseSequence(),
			b.ProducerID())
	case b.HasProducerID() && b.ProducerEpoch() < 0:
		return invalid("Invalid epoch %d in record batch with producerId %d", b.ProducerEpoch(), b.ProducerID())
	case b.Transactional() && !b.HasProducerID():
		return invalid("Transactional record batch without producerId")
	}
	return nil
}

// checkRecords checks the records one by one, unless they are compressed and taken on trust.
func checkRecords(b Batch, rules *Rules) (Info, error) {
	if rules.TrustCompressed && !rules.Compacted && b.Attributes().Codec() != None {
		return checkTimestamps(b, rules)
	}
	c, err := b.open(rules.Limits)
	defer c.close()
	if err != nil {
		return Info{}, err
	}
	var (
		r       Record
		refused refusals
		info    = Info{MaxTimestamp: NoTimestamp, MaxDelta: b.LastOffsetDelta(), RecordBytes: len(b) - HeaderSize}
		base    = b.BaseTimestamp()
		fixed   = b.LogAppendTime()
		oldest  = saturatingSub(rules.Now, rules.Before)
		newest  = saturatingAdd(rules.Now, rules.After)
	)
	for i := range b.Count() {
		if err := c.next(&r, false); err != nil {
			return Info{}, err
		}
		if r.OffsetDelta != i {
			return Info{}, fault.New(fault.InvalidRecord, "Record %d has offset delta %d in topic partition %s-%d",
				i, r.OffsetDelta, rules.Topic, rules.Partition)
		}
		ts := base + r.TimestampDelta
		if fixed {
			ts = b.MaxTimestamp()
		}
		switch {
		case rules.Compacted && r.Key == nil:
			refused.add(fault.InvalidRecord, i,
				"Compacted topic cannot accept message without key in topic partition %s-%d",
				rules.Topic, rules.Partition)
		case !rules.LogAppendTime && ts != NoTimestamp:
			if ts < oldest || ts > newest {
				refused.add(fault.InvalidTimestamp, i,
					"Timestamp %d of message with offset %d is out of range. The timestamp should be within [%d, %d]",
					ts, i, oldest, newest)
			}
		case fixed:
			refused.add(fault.InvalidTimestamp, i,
				"Invalid timestamp type in message with offset %d. "+
					"Producer should not set timestamp type to LogAppendTime.", i)
		}
		if ts > info.MaxTimestamp {
			info.MaxTimestamp, info.MaxDelta = ts, i
		}
	}
	if err := c.end(b.Count()); err != nil {
		return Info{}, err
	}
	if c.src != nil {
		info.RecordBytes = c.src.out
	}
	return info, refused.err()
}

// checkTimestamps checks the timestamps in a batch's header.
func checkTimestamps(b Batch, rules *Rules) (Info, error) {
	var refused refusals
	oldest, newest := saturatingSub(rules.Now, rules.Before), saturatingAdd(rules.Now, rules.After)
	for _, ts := range [...]int64{b.BaseTimestamp(), b.MaxTimestamp()} {
		if !rules.LogAppendTime && ts != NoTimestamp && (ts < oldest || ts > newest) {
			refused.add(fault.InvalidTimestamp, 0,
				"Timestamp %d of message with offset 0 is out of range. The timestamp should be within [%d, %d]", ts,
				oldest, newest)
			break
		}
	}
	if rules.LogAppendTime && b.LogAppendTime() {
		refused.add(fault.InvalidTimestamp, 0,
			"Invalid timestamp type in message with offset 0. Producer should not set timestamp type to LogAppendTime.")
	}
	return Info{MaxTimestamp: b.MaxTimestamp(), MaxDelta: b.LastOffsetDelta()}, refused.err()
}

// refusals collects the errors of single records.
type refusals struct {
	records    []RecordError
	count      int
	timestamps bool // one of them at least is about a timestamp
}

func (r *refusals) add(kind fault.Kind, index int32, format string, args ...any) {
	r.count++
	r.timestamps = r.timestamps || kind == fault.InvalidTimestamp
	if len(r.records) < maxRecordErrors {
		r.records = append(r.records, RecordError{Index: index, Message: fmt.Sprintf(format, args...)})
	}
}

// err returns the *Rejected for the collected errors, nil for none.
func (r *refusals) err() error {
	switch {
	case r.count == 0:
		return nil
	case r.timestamps:
		return &Rejected{
			Records: r.records,
			Fault: fault.New(fault.InvalidTimestamp,
				"One or more records have been rejected due to invalid timestamp"),
		}
	}
	var first []string
	for _, e := range r.records[:min(3, len(r.records))] {
		first = append(first, fmt.Sprintf("RecordError(batchIndex=%d, message='%s')", e.Index, e.Message))
	}
	return &Rejected{Records: r.records, Fault: fault.New(fault.InvalidRecord,
		"One or more records have been rejected due to %d record errors in total, and only showing the first three "+
			"errors at most: [%s]",
		r.count, strings.Join(first, ", "))}
}

// saturatingAdd returns a+b for b not negative; the configs' default of 2^63-1 stands for no limit.
func saturatingAdd(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// saturatingSub returns a-b for b not negative.
func saturatingSub(a, b int64) int64 {
	if a < math.MinInt64+b {
		return math.MinInt64
	}
	return a - b
}
