package disktest

import (
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
)

// ErrPower is what every operation that changes something fails with while the power is off.
var ErrPower = errors.New("the power is off")

// Plug is a disk whose power goes before an operation that changes something: a store that is being tested dies there,
// at any moment of its life. Its methods may be called concurrently.
type Plug struct {
	*FS // the disk; put what Crashed has left in its place

	mu   sync.Mutex
	rand *rand.Rand
	left int // operations until the power goes, <0: it stays
	loss Loss
	off  *FS // what is left
}

var _ disk.FS = (*Plug)(nil)

// NewPlug returns an empty disk whose power stays; r decides what a crash leaves.
func NewPlug(r *rand.Rand) *Plug { return &Plug{FS: New(), rand: r, left: -1} }

// Pull has the power go before the n-th operation from now on, with a loss; with n < 0 it stays.
func (p *Plug) Pull(n int, loss Loss) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left, p.loss, p.off = n, loss, nil
}

// PullNow has the power go at once, with a loss.
func (p *Plug) PullNow(loss Loss) {
	p.Pull(0, loss)
	_ = p.do(func() error { return nil })
}

// Off reports whether the power has gone.
func (p *Plug) Off() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.off != nil
}

// Crashed returns what is left of the disk, and what the crash has taken. If the power is not gone yet, it goes now.
func (p *Plug) Crashed() (*FS, Loss) {
	if !p.Off() {
		p.PullNow(p.loss)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.off, p.loss
}

// do does an operation of the disk, or returns ErrPower when the power is gone.
func (p *Plug) do(operation func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off != nil {
		return ErrPower
	}
	if p.left == 0 {
		p.off = p.Crash(p.loss, p.rand)
		return ErrPower
	}
	p.left--
	return operation()
}

// Open opens a file. What there was can be read without power, too.
func (p *Plug) Open(path string, create bool) (f disk.File, err error) {
	open := func() (err error) {
		f, err = p.FS.Open(path, create)
		return err
	}
	if create {
		err = p.do(open)
	} else {
		err = open()
	}
	if err != nil {
		return nil, err
	}
	return &pluggedFile{f, p}, nil
}

// SyncDir makes a directory's names durable.
func (p *Plug) SyncDir(path string) error {
	return p.do(func() error { return p.FS.SyncDir(path) })
}

// MkdirAll makes a directory and those above it.
func (p *Plug) MkdirAll(path string) error {
	return p.do(func() error { return p.FS.MkdirAll(path) })
}

// Rename moves a file or directory within its directory.
func (p *Plug) Rename(from, to string) error {
	return p.do(func() error { return p.FS.Rename(from, to) })
}

// Remove removes a file or a directory with everything in it.
func (p *Plug) Remove(path string) error {
	return p.do(func() error { return p.FS.Remove(path) })
}

type pluggedFile struct {
	disk.File
	plug *Plug
}

func (f *pluggedFile) WriteAt(b []byte, off int64) (n int, err error) {
	err = f.plug.do(func() (err error) {
		n, err = f.File.WriteAt(b, off)
		return err
	})
	return n, err
}

func (f *pluggedFile) WritevAt(bufs [][]byte, off int64) error {
	return f.plug.do(func() error { return f.File.WritevAt(bufs, off) })
}

func (f *pluggedFile) Sync() error { return f.plug.do(f.File.Sync) }

func (f *pluggedFile) Truncate(size int64) error {
	return f.plug.do(func() error { return f.File.Truncate(size) })
}
