package journal

import (
	"fmt"
	"hash/crc32"
)

// checkWritten reads back what was written from pos on, and panics if an entry is not what its header says: if the
// logs' bytes were changed meanwhile.
func checkWritten(f *file, pos int64, vector [][]byte) {
	size := 0
	for _, b := range vector {
		size += len(b)
	}
	rest := make([]byte, size)
	if _, err := f.file.ReadAt(rest, pos); err != nil {
		return // a failing disk is reported elsewhere
	}
	for len(rest) > 0 {
		h, ok := decodeHeader(rest)
		if !ok || h.size+padded(h.length) > len(rest) {
			panic(fmt.Sprintf("no entry was written at %d of %s", pos+int64(size-len(rest)), f.path))
		}
		if crc32.Checksum(rest[h.size:][:h.length], castagnoli) != h.payloadCRC {
			panic(fmt.Sprintf("the batches of %v at %d were changed while they were written to %s", h.id, h.offset, f.path))
		}
		rest = rest[h.size+padded(h.length):]
	}
}
