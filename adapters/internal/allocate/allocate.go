// Package allocate sets blocks of the disk aside for a file before they are written.
package allocate

import "os"

// fill makes a file larger by writing zeros, and syncs it: file systems may choose the blocks only then.
func fill(f *os.File, size int64) error {
	const step = 1 << 20
	info, err := f.Stat()
	if err != nil {
		return err
	}
	blank := make([]byte, step)
	for at := info.Size(); at < size; at += step {
		if _, err := f.WriteAt(blank[:min(step, size-at)], at); err != nil {
			return err
		}
	}
	return f.Sync()
}
