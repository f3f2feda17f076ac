package ports

import "github.com/chronik-stream/chronik/core/domain/space"

// Disk is the file system that holds the data directory, with the reserve in it. Its methods are called one at a time.
type Disk interface {
	// Measure returns the state of the disk now. It is fs.ErrNotExist when the data directory is not there any more,
	// or another is in its place.
	Measure() (space.Disk, error)
	// Hold has the reserve hold n bytes as allocated space, or as many as it gets, and returns how many that are.
	Hold(n int64) (held int64, err error)
	// Close lets the reserve be; what it holds, it holds until the next start.
	Close() error
}
