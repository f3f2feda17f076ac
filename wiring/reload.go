package wiring

import (
	"os"
	"runtime/debug"

	"github.com/chronik-stream/chronik/configs"
)

// Reload applies the changes in next that may be made while the broker runs, and logs which others need a restart.
func (s *Server) Reload(next *configs.Config) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	if err := s.Configs.Restate(staticConfigs(next, s.Dir)); err != nil {
		s.RefuseReload(err)
		return
	}
	s.Partitions.Reconfigure()
	s.Role.reload()
	changes := s.config.Changes(next)
	for _, c := range changes {
		if c.Dynamic {
			s.log.Info("setting changed", "key", c.Key, "from", c.From, "to", c.To)
		} else {
			s.log.Warn("setting changed, which needs a restart", "key", c.Key, "from", c.From, "to", c.To)
		}
	}
	if len(changes) == 0 {
		s.log.Info("configuration reloaded, nothing has changed")
	}
	s.Levels.Set(next.LogLevel)
	s.config = next
}

// LimitMemory sets the Go runtime's memory limit from the configuration. It applies to the whole process; the
// environment variable GOMEMLIMIT has precedence.
func LimitMemory(cfg *configs.Config) {
	if os.Getenv("GOMEMLIMIT") == "" {
		// A tenth is left for memory that the runtime does not count: code, stacks of C, mapped files.
		debug.SetMemoryLimit(cfg.Memory / 10 * 9)
	}
}

// RefuseReload logs that a changed configuration is not valid. The current one stays in use.
func (s *Server) RefuseReload(err error) { s.log.Error("configuration not reloaded", "err", err) }
