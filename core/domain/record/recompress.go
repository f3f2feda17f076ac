package record

import "encoding/binary"

// Recompress returns b with its records compressed by another codec, or b itself if it has that codec already. The best
// limit is the decompressed size that Check has returned, since that much memory is reserved. Errors are those of
// Decompress and Compress.
func (b Batch) Recompress(codec Codec, level Level, limit Limits) (Batch, error) {
	if b.Attributes().Codec() == codec {
		return b, nil
	}
	records := b.Payload()
	if from := b.Attributes().Codec(); from != None {
		const copies = 2 // the records, and the decoder's copy of them
		budget := limit.Budget
		taken := budget.take(copies * int64(limit.bytes()))
		defer func() { budget.give(taken) }()
		var err error
		records, err = appendDecompressed(make([]byte, 0, limit.Bytes), from, records, Limits{Bytes: limit.Bytes})
		if err != nil {
			return nil, err
		}
	}
	out := make([]byte, HeaderSize, HeaderSize+len(records))
	copy(out, b)
	out, err := Compress(out, codec, level, records)
	if err != nil {
		return nil, err
	}
	be := binary.BigEndian
	be.PutUint32(out[offLength:], uint32(len(out)-LogOverhead))
	be.PutUint16(out[offAttributes:], be.Uint16(out[offAttributes:])&^7|uint16(codec))
	Batch(out).updateCRC()
	return out, nil
}
