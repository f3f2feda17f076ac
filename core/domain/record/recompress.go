package record

import "encoding/binary"

// Recompress returns b with its records under another codec: b itself when it has that one already. Errors are those of
// Decompress and Compress.
func (b Batch) Recompress(codec Codec, level Level, limit Limits) (Batch, error) {
	if b.Attributes().Codec() == codec {
		return b, nil
	}
	records, err := Decompress(b.Attributes().Codec(), b.Payload(), limit)
	if err != nil {
		return nil, err
	}
	out := make([]byte, HeaderSize, HeaderSize+len(records))
	copy(out, b)
	if out, err = Compress(out, codec, level, records); err != nil {
		return nil, err
	}
	be := binary.BigEndian
	be.PutUint32(out[offLength:], uint32(len(out)-LogOverhead))
	be.PutUint16(out[offAttributes:], be.Uint16(out[offAttributes:])&^7|uint16(codec))
	Batch(out).updateCRC()
	return out, nil
}
