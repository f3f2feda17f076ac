package disk

import (
	"io"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The errors of the operating system for a name that stands for the other kind of thing.
const (
	errIsDirectory  = syscall.EISDIR
	errNotDirectory = syscall.ENOTDIR
)

// memoryFile is an open file in memory. Like one of the operating system it can be used after its name was removed.
type memoryFile struct {
	*content
	path   string
	closed atomic.Bool
}

// ReadAt implements File.
func (f *memoryFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.check("read", off); err != nil {
		return 0, err
	}
	return f.read(p, off)
}

// WriteAt implements File.
func (f *memoryFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.check("write", off); err != nil {
		return 0, err
	}
	f.write(p, off)
	return len(p), nil
}

// WritevAt implements File.
func (f *memoryFile) WritevAt(bufs [][]byte, off int64) error {
	if err := f.check("write", off); err != nil {
		return err
	}
	for _, b := range bufs {
		f.write(b, off)
		off += int64(len(b))
	}
	return nil
}

// Sync implements File.
func (f *memoryFile) Sync() error { return f.check("sync", 0) }

// StartSync implements File.
func (f *memoryFile) StartSync(_, _ int64) {}

// Allocate implements File: memory is taken as the file grows.
func (f *memoryFile) Allocate(int64) error { return f.check("allocate", 0) }

// Truncate implements File.
func (f *memoryFile) Truncate(size int64) error {
	if err := f.check("truncate", size); err != nil {
		return err
	}
	f.resize(size)
	return nil
}

// Size implements File.
func (f *memoryFile) Size() (int64, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.size, f.check("stat", 0)
}

// ModTime implements File.
func (f *memoryFile) ModTime() (time.Time, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.changed, f.check("stat", 0)
}

// Close implements File.
func (f *memoryFile) Close() error {
	if f.closed.Swap(true) {
		return &fs.PathError{Op: "close", Path: f.path, Err: fs.ErrClosed}
	}
	return nil
}

// OS implements File: there is none.
func (f *memoryFile) OS() *os.File { return nil }

// check returns the error of an operation on a file that was closed, or at a negative offset.
func (f *memoryFile) check(op string, off int64) error {
	switch {
	case f.closed.Load():
		return &fs.PathError{Op: op, Path: f.path, Err: fs.ErrClosed}
	case off < 0:
		return &fs.PathError{Op: op, Path: f.path, Err: fs.ErrInvalid}
	}
	return nil
}

// blockBytes is the size of a file's blocks. A file is at most so much larger in memory than it is, where it is not
// written to at its end only.
const blockBytes = 64 << 10

// content is a file's bytes, in blocks. A block is as long as what was written into it: up to the next block, and to
// the file's end, there are zeros behind that. So a small file takes little, and a hole nothing.
type content struct {
	mu      sync.RWMutex
	blocks  [][]byte
	size    int64
	changed time.Time
}

// read reads as io.ReaderAt does.
func (c *content) read(p []byte, off int64) (n int, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if off >= c.size {
		return 0, io.EOF
	}
	if rest := c.size - off; int64(len(p)) > rest {
		p, err = p[:rest], io.EOF
	}
	for n < len(p) {
		i, at := position(off + int64(n))
		part := p[n:min(len(p), n+blockBytes-at)]
		have := 0
		if i < len(c.blocks) && at < len(c.blocks[i]) {
			have = copy(part, c.blocks[i][at:])
		}
		clear(part[have:])
		n += len(part)
	}
	return n, err
}

// write writes p at off.
func (c *content) write(p []byte, off int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed = time.Now()
	c.size = max(c.size, off+int64(len(p)))
	for len(p) > 0 {
		i, at := position(off)
		for i >= len(c.blocks) {
			c.blocks = append(c.blocks, nil)
		}
		n := min(len(p), blockBytes-at)
		c.blocks[i] = lengthened(c.blocks[i], at+n)
		copy(c.blocks[i][at:], p[:n])
		p, off = p[n:], off+int64(n)
	}
}

// resize sets the size. The memory of what is cut off is free then.
func (c *content) resize(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changed = time.Now()
	c.size = size
	i, at := position(size)
	if i >= len(c.blocks) {
		return
	}
	kept := c.blocks[i][:min(at, len(c.blocks[i]))]
	c.blocks = append([][]byte(nil), c.blocks[:i]...)
	if len(kept) > 0 {
		last := lengthened(nil, len(kept))
		copy(last, kept)
		c.blocks = append(c.blocks, last)
	}
}

// position returns the block that holds an offset, and the place in it.
func position(off int64) (block, at int) { return int(off / blockBytes), int(off % blockBytes) }

// lengthened returns block with a length of n at least, the new bytes being zeros.
func lengthened(block []byte, n int) []byte {
	if n <= cap(block) {
		return block[:max(n, len(block))] // what is behind its end was never written to: resize copies what it keeps
	}
	longer := make([]byte, n, min(blockBytes, max(n, 2*cap(block))))
	copy(longer, block)
	return longer
}
