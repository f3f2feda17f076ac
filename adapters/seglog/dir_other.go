//go:build !linux

package seglog

import "github.com/chronik-stream/chronik/core/ports"

// Dir describes the data directory. Its sizes are not known here: -1, as Kafka says of what it does not know.
func (s *Store) Dir() (ports.LogDir, error) {
	return ports.LogDir{Path: s.opt.Dir, Total: -1, Usable: -1}, nil
}
