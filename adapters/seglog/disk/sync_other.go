//go:build !linux

package disk

// Sync makes the file durable.
func (f osFile) Sync() error { return f.File.Sync() }

// StartSync does nothing: this operating system cannot be asked to begin.
func (f osFile) StartSync(_, _ int64) {}
