package ports

import "github.com/chronik-stream/chronik/core/domain/space"

// Disk is the file system of the data directory, with the reserve on it: space that is allocated to be released when
// the disk is full. Its methods are called one at a time.
type Disk interface {
	// Measure returns the current state of the disk. The error is fs.ErrNotExist when the data directory does not exist
	// any more, or another one is in its place.
	Measure() (space.Disk, error)
	// Hold sets the size of the reserve to n bytes, or to as many as it can get, and returns the new size.
	Hold(n int64) (held int64, err error)
	// Close closes the reserve. It keeps its size until the next start.
	Close() error
}
