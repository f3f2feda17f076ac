package disktest

import (
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// file is an open file. It goes on when its name is removed.
type file struct {
	fs     *FS
	node   *node
	path   string
	closed bool
}

// ask returns the error for an operation. Called with the lock held.
func (f *file) ask(op Op) error {
	if f.closed {
		return &fs.PathError{Op: string(op), Path: f.path, Err: fs.ErrClosed}
	}
	return f.fs.asked(op, f.path)
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.ask(OpRead); err != nil {
		return 0, err
	}
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	if err := f.WritevAt([][]byte{p}, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *file) WritevAt(bufs [][]byte, off int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return f.ask(OpWrite)
	}
	all := slices.Concat(bufs...)
	err := f.ask(OpWrite)
	if err != nil {
		all = all[:len(all)/2]
	}
	if len(all) > 0 {
		f.node.write(write{off: off, bytes: all})
	}
	return err
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.ask(OpSync); err != nil {
		f.node.writes = nil // the kernel takes the pages for clean
		return err
	}
	n := f.node
	for _, w := range n.writes {
		n.synced = w.apply(n.synced)
	}
	n.writes = nil
	return nil
}

// StartSync makes nothing durable: what is begun may be lost as well.
func (f *file) StartSync(_, _ int64) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	_ = f.ask(OpStartSync)
}

// Allocate does nothing: this disk does not get full.
func (f *file) Allocate(int64) error { return nil }

func (f *file) Truncate(size int64) error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if err := f.ask(OpTruncate); err != nil {
		return err
	}
	f.node.write(write{off: size, truncate: true})
	return nil
}

func (f *file) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

func (f *file) ModTime() (time.Time, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return f.node.changed, nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.path, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}

// OS returns nil: there is no file of the operating system.
func (f *file) OS() *os.File { return nil }
