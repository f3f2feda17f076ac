//go:build !linux

package disk

// Sync makes the file durable.
func (f osFile) Sync() error { return f.File.Sync() }

// Allocate does nothing: this operating system is not asked.
func (f osFile) Allocate(int64) error { return nil }

// StartSync does nothing: this operating system cannot be asked to begin.
func (f osFile) StartSync(_, _ int64) {}
