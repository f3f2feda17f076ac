package checkpoint

import (
	"encoding/binary"
	"hash/crc32"
	"iter"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// A producer snapshot is Kafka's file <offset>.snapshot: version 1, CRC-32C of what follows, and an entry for each
// producer with its last batch. Behind that, where Kafka does not read, Chronik keeps the batches before the last one
// and how far back its sequences follow each other, so that a producer's repetitions are recognized after a restart,
// too. A snapshot of an earlier version of Chronik does not say how far.
const (
	snapshotVersion = 1
	snapshotHeader  = 6
	snapshotEntry   = 46
	windowMagic     = "chronik\x02"
	windowMagicV1   = "chronik\x01"
	windowEntry     = 32
)

// FormatProducers returns a snapshot of the state's producers.
func FormatProducers(state *partition.State) []byte {
	be := binary.BigEndian
	buf := be.AppendUint16(nil, snapshotVersion)
	buf = be.AppendUint32(buf, 0) // the CRC's place
	buf = be.AppendUint32(buf, uint32(state.Producers.Len()))
	for p := range state.Snapshot() {
		last := partition.Appended{
			FirstSequence: -1,
			LastSequence:  -1,
			FirstOffset:   -1,
			LastOffset:    -1,
			Timestamp:     p.LastTimestamp,
		}
		if n := len(p.Batches); n > 0 {
			last = p.Batches[n-1]
		}
		buf = be.AppendUint64(buf, uint64(p.ID))
		buf = be.AppendUint16(buf, uint16(p.Epoch))
		buf = be.AppendUint32(buf, uint32(last.LastSequence))
		buf = be.AppendUint64(buf, uint64(last.LastOffset))
		buf = be.AppendUint32(buf, uint32(last.LastOffset-last.FirstOffset))
		buf = be.AppendUint64(buf, uint64(last.Timestamp))
		buf = be.AppendUint32(buf, uint32(p.CoordinatorEpoch))
		buf = be.AppendUint64(buf, uint64(p.TxnFirstOffset))
	}
	buf = append(buf, windowMagic...)
	for p := range state.Snapshot() {
		buf = be.AppendUint64(buf, uint64(p.LastTimestamp))
		buf = be.AppendUint32(buf, uint32(p.Contiguous))
		earlier := p.Batches[:max(0, len(p.Batches)-1)]
		buf = append(buf, byte(len(earlier)))
		for _, b := range earlier {
			buf = be.AppendUint32(buf, uint32(b.FirstSequence))
			buf = be.AppendUint32(buf, uint32(b.LastSequence))
			buf = be.AppendUint64(buf, uint64(b.FirstOffset))
			buf = be.AppendUint64(buf, uint64(b.LastOffset))
			buf = be.AppendUint64(buf, uint64(b.Timestamp))
		}
	}
	be.PutUint32(buf[2:], crc32.Checksum(buf[snapshotHeader:], castagnoli))
	return buf
}

// ParseProducers returns the producers of a snapshot, Chronik's or Kafka's. Error: fault.CorruptMessage.
func ParseProducers(buf []byte) (iter.Seq[partition.Producer], error) {
	be := binary.BigEndian
	if len(buf) < snapshotHeader+4 || be.Uint16(buf) != snapshotVersion ||
		be.Uint32(buf[2:]) != crc32.Checksum(buf[snapshotHeader:], castagnoli) {
		return nil, fault.New(fault.CorruptMessage, "producer snapshot has a wrong version or checksum")
	}
	count := int(be.Uint32(buf[snapshotHeader:]))
	rest := buf[snapshotHeader+4:]
	if count < 0 || count > len(rest)/snapshotEntry {
		return nil, fault.New(fault.CorruptMessage, "producer snapshot of %d bytes names %d producers", len(buf), count)
	}
	producers := make([]partition.Producer, count)
	for i := range producers {
		e := rest[i*snapshotEntry:]
		p := &producers[i]
		p.ID = int64(be.Uint64(e))
		p.Epoch = int16(be.Uint16(e[8:]))
		last := partition.Appended{
			LastSequence: int32(be.Uint32(e[10:])),
			LastOffset:   int64(be.Uint64(e[14:])),
			Timestamp:    int64(be.Uint64(e[26:])),
		}
		delta := int32(be.Uint32(e[22:]))
		last.FirstOffset = last.LastOffset - int64(delta)
		last.FirstSequence = sequenceBefore(last.LastSequence, delta)
		p.LastTimestamp = last.Timestamp
		p.CoordinatorEpoch = int32(be.Uint32(e[34:]))
		p.TxnFirstOffset = int64(be.Uint64(e[38:]))
		if last.LastSequence >= 0 {
			p.Batches = []partition.Appended{last}
		}
	}
	if err := parseWindows(rest[count*snapshotEntry:], producers); err != nil {
		return nil, err
	}
	return slices.Values(producers), nil
}

// parseWindows adds the batches before the last ones, if the snapshot has them.
func parseWindows(buf []byte, producers []partition.Producer) error {
	header := 8 // bytes of a producer before the number of its batches
	switch magic := string(buf[:min(len(buf), len(windowMagic))]); magic {
	case windowMagic:
		header += 4
	case windowMagicV1:
	default:
		return nil
	}
	be, buf := binary.BigEndian, buf[len(windowMagic):]
	for i := range producers {
		if len(buf) <= header || len(buf) <= header+int(buf[header])*windowEntry {
			return fault.New(fault.CorruptMessage, "producer snapshot ends in a producer's batches")
		}
		p, n := &producers[i], int(buf[header])
		p.LastTimestamp = int64(be.Uint64(buf))
		if header > 8 {
			p.Contiguous = int32(be.Uint32(buf[8:]))
		}
		buf = buf[header+1:]
		earlier := make([]partition.Appended, 0, n+1)
		for k := range n {
			e := buf[k*windowEntry:]
			a := partition.Appended{
				FirstSequence: int32(be.Uint32(e)),
				LastSequence:  int32(be.Uint32(e[4:])),
				FirstOffset:   int64(be.Uint64(e[8:])),
				LastOffset:    int64(be.Uint64(e[16:])),
				Timestamp:     int64(be.Uint64(e[24:])),
			}
			if a.LastSequence >= 0 { // a batch without sequence is never sent again
				earlier = append(earlier, a)
			}
		}
		buf = buf[n*windowEntry:]
		p.Batches = append(earlier, p.Batches...)
	}
	return nil
}

// sequenceBefore returns the sequence number delta before last; they count from 0 again after 2^31-1.
func sequenceBefore(last, delta int32) int32 {
	if last < delta {
		return int32(int64(last) - int64(delta) + 1<<31)
	}
	return last - delta
}
