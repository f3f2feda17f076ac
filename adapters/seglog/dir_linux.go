package seglog

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/core/ports"
)

// Dir describes the data directory.
func (s *Store) Dir() (ports.LogDir, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.opt.Dir, &st); err != nil {
		return ports.LogDir{}, fmt.Errorf("look at %s: %w", s.opt.Dir, err)
	}
	size := int64(st.Bsize) //nolint:unconvert // of another size on other architectures
	return ports.LogDir{Path: s.opt.Dir, Total: int64(st.Blocks) * size, Usable: int64(st.Bavail) * size}, nil
}
