package record

import (
	"encoding/binary"
	"slices"
)

// Options are the parts of a batch's header that do not follow from its records.
type Options struct {
	BaseOffset    int64
	LeaderEpoch   int32
	Codec         Codec
	Level         Level
	Producer      *Producer // nil for none
	Transactional bool
	Control       bool
	LogAppendTime *int64 // milliseconds; nil when the records' own timestamps count
	DeleteHorizon *int64 // milliseconds; nil for none (KIP-534)
}

// Producer identifies a batch among those of an idempotent producer.
type Producer struct {
	ID       int64
	Epoch    int16
	Sequence int32 // of the first record; NoSequence in what coordinators write
}

// Builder builds batches, one after the other. It copies what it is given.
type Builder struct {
	opt     Options
	buf     []byte // room for the header, then the records
	count   int32
	last    int64 // the last offset that the batch covers
	base    int64 // the timestamp from which the records' are counted
	maxTime int64
}

// NewBuilder returns a builder of a batch that has no records yet.
func NewBuilder(o Options) *Builder {
	b := &Builder{}
	b.Reset(o)
	return b
}

// Reset begins a new batch. Those that were built before stay as they are.
func (b *Builder) Reset(o Options) {
	*b = Builder{
		opt: o, buf: append(b.buf[:0], make([]byte, HeaderSize)...), last: o.BaseOffset - 1, base: NoTimestamp,
		maxTime: NoTimestamp,
	}
}

// Append adds a record at the next offset; ms is its timestamp. A nil key or value is encoded as null.
func (b *Builder) Append(ms int64, key, value []byte, headers ...Header) {
	var encoded []byte
	for _, h := range headers {
		encoded = binary.AppendVarint(encoded, int64(len(h.Key)))
		encoded = append(encoded, h.Key...)
		encoded = appendField(encoded, h.Value)
	}
	b.Add(b.last+1, ms, Record{Key: key, Value: value, HeaderCount: len(headers), headers: encoded})
}

// Add adds r, with its headers, at an offset above those added before; ms is its timestamp. The deltas that
// r has from its old batch do not count.
func (b *Builder) Add(offset, ms int64, r Record) {
	if b.count == 0 {
		b.base = ms
		if b.opt.DeleteHorizon != nil {
			b.base = *b.opt.DeleteHorizon
		}
	}
	b.count++
	b.last = offset
	b.maxTime = max(b.maxTime, ms)

	time, delta := ms-b.base, offset-b.opt.BaseOffset
	size := 1 + varintSize(time) + varintSize(delta) + fieldSize(r.Key) + fieldSize(r.Value) +
		varintSize(int64(r.HeaderCount)) + len(r.headers)
	b.buf = slices.Grow(b.buf, size+binary.MaxVarintLen32)
	b.buf = binary.AppendVarint(b.buf, int64(size))
	b.buf = append(b.buf, 0) // attributes, of which none is defined
	b.buf = binary.AppendVarint(b.buf, time)
	b.buf = binary.AppendVarint(b.buf, delta)
	b.buf = appendField(b.buf, r.Key)
	b.buf = appendField(b.buf, r.Value)
	b.buf = binary.AppendVarint(b.buf, int64(r.HeaderCount))
	b.buf = append(b.buf, r.headers...)
}

// SetLastOffset makes the batch cover the offsets up to last although its last record is below: compaction keeps
// the offsets of the batches that it thins out.
func (b *Builder) SetLastOffset(last int64) { b.last = last }

// Len is the number of records.
func (b *Builder) Len() int { return int(b.count) }

// Size is the batch's size in bytes before compression.
func (b *Builder) Size() int { return len(b.buf) }

// Build returns the batch. Errors are those of Compress.
func (b *Builder) Build() (Batch, error) {
	if b.opt.Codec == None {
		return b.uncompressed(), nil
	}
	out, err := Compress(make([]byte, HeaderSize, HeaderSize+len(b.buf)/2), b.opt.Codec, b.opt.Level,
		b.buf[HeaderSize:])
	if err != nil {
		return nil, err
	}
	b.writeHeader(out, Attributes(b.opt.Codec))
	return out, nil
}

// uncompressed returns the batch as it is.
func (b *Builder) uncompressed() Batch {
	out := Batch(slices.Clone(b.buf))
	b.writeHeader(out, 0)
	return out
}

// writeHeader fills in the header of out, whose records are in place.
func (b *Builder) writeHeader(out Batch, a Attributes) {
	o := &b.opt
	producer := Producer{ID: NoProducerID, Epoch: -1, Sequence: NoSequence}
	maxTime := b.maxTime
	if o.Producer != nil {
		producer = *o.Producer
	}
	if o.Transactional {
		a |= AttrTransactional
	}
	if o.Control {
		a |= AttrControl
	}
	if o.LogAppendTime != nil {
		a |= AttrLogAppendTime
		maxTime = *o.LogAppendTime
	}
	if o.DeleteHorizon != nil {
		a |= AttrDeleteHorizon
		b.base = *o.DeleteHorizon
	}
	be := binary.BigEndian
	out.SetBaseOffset(o.BaseOffset)
	be.PutUint32(out[offLength:], uint32(len(out)-LogOverhead))
	out.SetLeaderEpoch(o.LeaderEpoch)
	out[offMagic] = magic
	be.PutUint16(out[offAttributes:], uint16(a))
	be.PutUint32(out[offLastDelta:], uint32(b.last-o.BaseOffset))
	be.PutUint64(out[offBaseTime:], uint64(b.base))
	be.PutUint64(out[offMaxTime:], uint64(maxTime))
	be.PutUint64(out[offProducerID:], uint64(producer.ID))
	be.PutUint16(out[offEpoch:], uint16(producer.Epoch))
	be.PutUint32(out[offSequence:], uint32(producer.Sequence))
	be.PutUint32(out[offCount:], uint32(b.count))
	out.updateCRC()
}

// Emptied returns b without its records. Compaction keeps such a batch where b has the last sequence of a producer that
// is still known, or begins a leader epoch.
func (b Batch) Emptied() Batch {
	out := slices.Clone(b[:HeaderSize])
	be := binary.BigEndian
	be.PutUint32(out[offLength:], HeaderSize-LogOverhead)
	be.PutUint16(out[offAttributes:], uint16(b.Attributes()&(AttrLogAppendTime|AttrTransactional|AttrControl)))
	be.PutUint64(out[offBaseTime:], ^uint64(0)) // NoTimestamp
	be.PutUint32(out[offCount:], 0)
	out.updateCRC()
	return out
}

// appendField appends bytes with their length in front, -1 for nil.
func appendField(dst, field []byte) []byte {
	if field == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(field))), field...)
}

// fieldSize is how many bytes appendField appends.
func fieldSize(field []byte) int {
	if field == nil {
		return 1
	}
	return varintSize(int64(len(field))) + len(field)
}

// varintSize is how many bytes binary.AppendVarint appends.
func varintSize(v int64) int {
	size := 1
	for u := uint64(v)<<1 ^ uint64(v>>63); u >= 0x80; u >>= 7 {
		size++
	}
	return size
}
