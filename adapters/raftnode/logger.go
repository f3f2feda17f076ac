//go:build raft

package raftnode

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/lni/dragonboat/v4/logger"
)

// dragonboat has one logger per process, which can be set once: route is that one, and leads to the log of the newest Manager.
var route struct { //nolint:gochecknoglobals // dragonboat's is global
	once sync.Once
	to   atomic.Pointer[slog.Logger]
}

// routeLogs makes dragonboat log to log.
func routeLogs(log *slog.Logger) {
	route.to.Store(log)
	route.once.Do(func() {
		logger.SetLoggerFactory(func(pkg string) logger.ILogger { return routed{pkg} })
	})
}

// routed is the logger of one of dragonboat's packages. What goes wrong is a warning, since what matters comes back as an error or ends
// the process; the rest is for debugging.
type routed struct{ pkg string }

func (r routed) SetLevel(logger.LogLevel)            {}
func (r routed) Debugf(format string, args ...any)   { r.say(slog.LevelDebug, format, args) }
func (r routed) Infof(format string, args ...any)    { r.say(slog.LevelDebug, format, args) }
func (r routed) Warningf(format string, args ...any) { r.say(slog.LevelWarn, format, args) }
func (r routed) Errorf(format string, args ...any)   { r.say(slog.LevelWarn, format, args) }

// Panicf says why the process ends, and ends it: dragonboat calls it in goroutines of its own.
func (r routed) Panicf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	route.to.Load().LogAttrs(context.Background(), slog.LevelError, "raft cannot go on, this node stops",
		slog.String("package", r.pkg), slog.String("text", text))
	panic("raft cannot go on: " + text)
}

func (r routed) say(level slog.Level, format string, args []any) {
	log := route.to.Load()
	if ctx := context.Background(); log.Enabled(ctx, level) {
		log.LogAttrs(ctx, level, "raft", slog.String("package", r.pkg), slog.String("text", fmt.Sprintf(format, args...)))
	}
}
