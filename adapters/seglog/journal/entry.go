package journal

import (
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// Entry is what Open and Carried replay: batches of one log, one behind the other. Payload is valid during the call
// only.
type Entry struct {
	ID         ports.LogID
	BaseOffset int64
	Previous   int64  // end of the log before the entry; below BaseOffset where the log has a gap
	Group      uint64 // see Journal.Group
	Payload    []byte
	Damaged    bool // it was synced, and its payload is not what was written
}

// An entry is a header, the topic's name and the payload, each padded to eight bytes. Numbers are little-endian:
//
//	0  header CRC u32: of what follows it, the name included
//	4  payload CRC u32
//	8  key u64: of the use of the file; what has another is left from before the file was recycled
//	16 group u64: all entries of a group became durable by one sync
//	24 base offset i64
//	32 payload length u32
//	36 partition i32
//	40 topic id [16]
//	56 length of the topic's name u16, two zeros
//	60 entries that follow in the group u32
//	64 end of the log before the entry i64
const (
	entryHeader   = 72
	longestName   = 256 // of a topic; Kafka's limit is 249
	longestHeader = entryHeader + longestName
)

// maxPayload bounds an entry's payload, unless one batch alone is larger, so that a replay needs little memory.
const maxPayload = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var zeros [8]byte

// padded returns n rounded up to a multiple of eight.
func padded(n int) int { return (n + 7) &^ 7 }

// encode turns the group into headers and a vector of buffers, and returns the size of the vector. The keys are added
// by stamp.
func (j *Journal) encode() (size int) {
	need := 0
	for i := range j.group {
		if m := &j.group[i]; m.journaled {
			// any two that follow each other exceed maxPayload
			entries := min(2*m.chunk.Bytes/maxPayload+1, len(m.chunk.Batches))
			need += entries * (entryHeader + padded(len(m.chunk.ID.Topic)))
		}
	}
	j.headers, j.vector = slices.Grow(j.headers[:0], need), j.vector[:0]
	for i := range j.group {
		m := &j.group[i]
		if !m.journaled {
			continue
		}
		previous := m.chunk.Previous
		for batches, offset := m.chunk.Batches, m.chunk.BaseOffset; len(batches) > 0; {
			n, length := 1, len(batches[0])
			for n < len(batches) && length+len(batches[n]) <= maxPayload {
				length += len(batches[n])
				n++
			}
			size += j.encodeEntry(m.chunk.ID, offset, previous, batches[:n], length)
			previous = batches[n-1].NextOffset()
			if batches = batches[n:]; len(batches) > 0 {
				offset = batches[0].BaseOffset()
			}
		}
	}
	return size
}

// encodeEntry appends one entry to headers and vector and returns its size.
func (j *Journal) encodeEntry(id ports.LogID, offset, previous int64, batches []record.Batch, length int) int {
	var payload uint32
	for _, b := range batches {
		payload = crc32.Update(payload, castagnoli, b)
	}
	start := len(j.headers)
	j.headers = appendHeader(j.headers, id, j.groups.Load(), offset, previous, length, payload)
	h := j.headers[start:]
	j.vector = append(j.vector, h)
	for _, b := range batches {
		j.vector = append(j.vector, b)
	}
	if pad := padded(length) - length; pad > 0 {
		j.vector = append(j.vector, zeros[:pad])
	}
	return len(h) + padded(length)
}

// appendHeader appends an entry's header, without what stamp adds.
func appendHeader(
	headers []byte, id ports.LogID, group uint64, offset, previous int64, length int, payload uint32,
) []byte {
	start := len(headers)
	size := entryHeader + padded(len(id.Topic))
	headers = slices.Grow(headers, size)[:start+size]
	h := headers[start:]
	clear(h)
	le := binary.LittleEndian
	le.PutUint32(h[4:], payload)
	le.PutUint64(h[16:], group)
	le.PutUint64(h[24:], uint64(offset))
	le.PutUint32(h[32:], uint32(length))
	le.PutUint32(h[36:], uint32(id.Partition))
	copy(h[40:], id.TopicID[:])
	le.PutUint16(h[56:], uint16(len(id.Topic)))
	le.PutUint64(h[64:], uint64(previous))
	copy(h[entryHeader:], id.Topic)
	return headers
}

// stamp completes headers, which stand one behind the other, with the key and with how many follow in the group.
func stamp(headers []byte, key uint64) {
	le := binary.LittleEndian
	left := uint32(0)
	each(headers, func([]byte) { left++ })
	each(headers, func(h []byte) {
		left--
		le.PutUint64(h[8:], key)
		le.PutUint32(h[60:], left)
		le.PutUint32(h, crc32.Checksum(h[4:], castagnoli))
	})
}

// each visits headers that stand one behind the other.
func each(headers []byte, visit func(h []byte)) {
	for len(headers) > 0 {
		size := entryHeader + padded(int(binary.LittleEndian.Uint16(headers[56:])))
		visit(headers[:size])
		headers = headers[size:]
	}
}

// header is an entry's header, decoded.
type header struct {
	payloadCRC uint32
	key        uint64
	group      uint64
	offset     int64
	previous   int64
	length     int
	left       int // entries of the group behind this one
	id         ports.LogID
	size       int // of header and name
}

// decodeHeader returns the header at the start of buf, if there is a whole and valid one.
func decodeHeader(buf []byte) (h header, ok bool) {
	if len(buf) < entryHeader {
		return h, false
	}
	le := binary.LittleEndian
	name := int(le.Uint16(buf[56:]))
	h.size = entryHeader + padded(name)
	if name > longestName || len(buf) < h.size || crc32.Checksum(buf[4:h.size], castagnoli) != le.Uint32(buf) {
		return h, false
	}
	h.payloadCRC = le.Uint32(buf[4:])
	h.key = le.Uint64(buf[8:])
	h.group = le.Uint64(buf[16:])
	h.offset = int64(le.Uint64(buf[24:]))
	h.length = int(le.Uint32(buf[32:]))
	h.left = int(le.Uint32(buf[60:]))
	h.previous = int64(le.Uint64(buf[64:]))
	h.id.Partition = int32(le.Uint32(buf[36:]))
	copy(h.id.TopicID[:], buf[40:])
	h.id.Topic = string(buf[entryHeader : entryHeader+name])
	return h, true
}
