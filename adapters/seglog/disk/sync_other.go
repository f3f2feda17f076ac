//go:build !linux

package disk

// Sync makes the file durable.
func (f osFile) Sync() error { return f.File.Sync() }
