package seglog

import (
	"errors"
	"fmt"
	"io"

	"github.com/chronik-stream/chronik/adapters/seglog/filecache"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// windowBytes is how much is read by one call for batch headers.
const windowBytes = 4096

// headerWindow reads batch headers one behind the other; small batches cost one system call for many of them.
type headerWindow struct {
	file  *filecache.File
	limit int64
	buf   []byte
	start int64
}

// at returns the header of the batch at position, as a Batch that ends with its header. It is valid until the next
// call. Errors: record.ErrIncomplete, fault.CorruptMessage, or that of the read.
func (w *headerWindow) at(position int64) (record.Batch, error) {
	if position < w.start || position+record.HeaderSize > w.start+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, windowBytes)
		}
		w.buf = w.buf[:max(0, min(int64(cap(w.buf)), w.limit-position))]
		w.start = position
		n, err := w.file.ReadAt(w.buf, position)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		w.buf = w.buf[:n]
		if len(w.buf) < record.HeaderSize {
			return nil, fmt.Errorf("%w: %d bytes at %d", record.ErrIncomplete, len(w.buf), position)
		}
	}
	b := record.Batch(w.buf[position-w.start:][:record.HeaderSize])
	if b.Magic() != 2 || b.Size() < record.HeaderSize {
		return nil, fault.New(fault.CorruptMessage, "no batch begins at %d", position)
	}
	return b, nil
}

// unreadable reports whether an error says that bytes are no sound batch, and not that they could not be read.
func unreadable(err error) bool {
	return errors.Is(err, fault.CorruptMessage) ||
		errors.Is(err, fault.InvalidRecord) ||
		errors.Is(err, record.ErrIncomplete) ||
		errors.Is(err, fault.UnsupportedCompressionType)
}
