package record

import (
	"iter"
)

// Limits bound the memory for reading a batch's records.
type Limits struct {
	// Bytes is the largest decompressed size; a larger batch is fault.InvalidRecord. Zero means DefaultBytes.
	Bytes int
	// Budget is the source of memory whose amount depends on the batch's size. Records takes nothing from it, since its
	// caller may hold each record for any time.
	Budget *Budget
}

// DefaultBytes bounds the decompressed size of a batch when no limit is given: 64 MiB.
const DefaultBytes = 64 << 20

func (l Limits) bytes() int {
	if l.Bytes == 0 {
		return DefaultBytes
	}
	return l.Bytes
}

// Record is one record of a batch. Its slices may be overwritten when the next record is read.
type Record struct {
	OffsetDelta    int32  // distance from the batch's base offset
	TimestampDelta int64  // milliseconds from the batch's base timestamp
	Key            []byte // nil for a record without key
	Value          []byte // nil for a tombstone
	HeaderCount    int
	headers        []byte // encoded and already validated
}

// Header is a key and a value that travel with a record (KIP-82).
type Header struct {
	Key   string
	Value []byte // may be nil
}

// Headers yields the record's headers in order. They are valid as long as the record.
func (r Record) Headers() iter.Seq[Header] {
	return func(yield func(Header) bool) {
		c := cursor{buf: r.headers}
		for range r.HeaderCount {
			h := Header{Key: string(c.field())}
			h.Value = c.field()
			if !yield(h) {
				return
			}
		}
	}
}

// TimestampOf returns the timestamp of one of the batch's records in milliseconds.
func (b Batch) TimestampOf(r Record) int64 {
	if b.LogAppendTime() {
		return b.MaxTimestamp()
	}
	return b.BaseTimestamp() + r.TimestampDelta
}

// Records yields the batch's records, decompressed as they are needed, in memory that does not grow with their number.
// A record's slices are valid until the next one is asked for. An error comes last: fault.InvalidRecord, with Kafka's
// messages, for records that are malformed, cannot be decompressed, are more or fewer than the header says, or exceed
// limit.
func (b Batch) Records(limit Limits) iter.Seq2[Record, error] {
	limit.Budget = nil
	return b.records(limit)
}

// records is Records for callers that do not wait for anything between two records.
func (b Batch) records(limit Limits) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		c, err := b.open(limit)
		defer c.close()
		var r Record
		for range b.Count() {
			if err != nil {
				break
			}
			if err = c.next(&r, true); err == nil && !yield(r, nil) {
				return
			}
		}
		if err == nil {
			err = c.end(b.Count())
		}
		if err != nil {
			yield(Record{}, err)
		}
	}
}
