//go:build raft

package raftnode

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4/logger"
)

// dragonboat has one logger per process, which can be set once: route is that one, and leads to the
// log of the newest Manager.
var route struct { //nolint:gochecknoglobals // dragonboat's is global
	once sync.Once
	to   atomic.Pointer[destination]
}

// destination is where dragonboat's lines go.
type destination struct {
	log *slog.Logger

	mu     sync.Mutex
	warned map[string]time.Time // when the warnings that are repeated were given last; one for each address
}

// routeLogs makes dragonboat log to log.
func routeLogs(log *slog.Logger) {
	route.to.Store(&destination{log: log})
	route.once.Do(func() {
		logger.SetLoggerFactory(func(pkg string) logger.ILogger { return routed{pkg} })
	})
}

// routed is the logger of one of dragonboat's packages. What goes wrong is a warning, since what matters comes back as
// an error or ends the process; the rest is for debugging, and so is what is routine.
type routed struct{ pkg string }

// routine are parts of warnings that a healthy cluster gives, too. In a raft group it is what is said in any election,
// and what had to be tried again because of it: that there is no leader is told by who waits for one. Between nodes it
// is that one does not run: that it is unreachable is warned of once a minute.
var routine = map[string][]string{ //nolint:gochecknoglobals // a table
	"raft": {
		"became PreVote candidate", "became candidate", "received RequestVote", "received RequestPreVote", "sent RequestVote", "sent RequestPreVote",
		"dropped RequestVote", "dropped RequestPreVote", "with higher term", "after receiving higher term", "campaign skipped", "cast vote", "cast preVote",
		"rejected vote", "rejected preVote", " votes and ", " preVotes and ", "rejection from", "received RequestVoteResp", "received RequestPreVoteResp",
		"dropped proposal", "dropped read index", "dropped ReadIndex", "dropped LeaderTransfer", "LeaderTransfer ignored", "no remote for",
	},
	"transport": {
		"connect: connection refused", "connection reset by peer", "broken pipe", "EOF", "failed to get the header",
		"failed to get poison ack",
	},
}

func (r routed) isRoutine(text string) bool {
	return slices.ContainsFunc(routine[r.pkg], func(part string) bool { return strings.Contains(text, part) })
}

// repeated begins what dragonboat says again and again of each node that does not run, with every try to
// connect: about once a second.
const repeated = "became unreachable"

// warnAgain is how long such a warning is not given again.
const warnAgain = time.Minute

// warnedLately reports whether a warning is repeated that was given less than warnAgain ago, and otherwise notes it.
func (d *destination) warnedLately(text string, now time.Time) bool {
	if !strings.Contains(text, repeated) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if last, given := d.warned[text]; given && now.Sub(last) < warnAgain {
		return true
	}
	if d.warned == nil {
		d.warned = make(map[string]time.Time)
	}
	d.warned[text] = now
	return false
}

func (r routed) SetLevel(logger.LogLevel)            {}
func (r routed) Debugf(format string, args ...any)   { r.say(slog.LevelDebug, format, args) }
func (r routed) Infof(format string, args ...any)    { r.say(slog.LevelDebug, format, args) }
func (r routed) Warningf(format string, args ...any) { r.warn(format, args) }
func (r routed) Errorf(format string, args ...any)   { r.warn(format, args) }

func (r routed) warn(format string, args []any) {
	level := slog.LevelWarn
	if text := fmt.Sprintf(format, args...); r.isRoutine(text) || route.to.Load().warnedLately(text, time.Now()) {
		level = slog.LevelDebug
	}
	r.say(level, format, args)
}

// Panicf says why the process ends, and ends it: dragonboat calls it in goroutines of its own.
func (r routed) Panicf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	route.to.Load().log.LogAttrs(context.Background(), slog.LevelError, "raft cannot go on, this node stops",
		slog.String("package", r.pkg), slog.String("text", text))
	panic("raft cannot go on: " + text)
}

func (r routed) say(level slog.Level, format string, args []any) {
	log := route.to.Load().log
	if ctx := context.Background(); log.Enabled(ctx, level) {
		log.LogAttrs(ctx, level, "raft", slog.String("package", r.pkg), slog.String("text", fmt.Sprintf(format, args...)))
	}
}
