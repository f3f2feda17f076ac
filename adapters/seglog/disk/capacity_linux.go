package disk

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Capacity implements FS.
func (osFS) Capacity(path string) (total, usable int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", path, err)
	}
	size := int64(st.Bsize) //nolint:unconvert // of another size on other architectures
	return int64(st.Blocks) * size, int64(st.Bavail) * size, nil
}
