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

// dragonboat has one logger per process, which can be set once. It writes to route, which is the log of the newest
// Manager.
var route struct { //nolint:gochecknoglobals // dragonboat's is global
	once sync.Once
	to   atomic.Pointer[destination]
}

// destination is where dragonboat's lines go.
type destination struct {
	log *slog.Logger

	mu     sync.Mutex
	warned map[string]time.Time // when each repeated warning was last logged; there is one for each address
}

// routeLogs makes dragonboat log to log.
func routeLogs(log *slog.Logger) {
	route.to.Store(&destination{log: log})
	route.once.Do(func() {
		logger.SetLoggerFactory(func(pkg string) logger.ILogger { return routed{pkg} })
	})
}

// routed is the logger of one of dragonboat's packages. Its errors are warnings here, since those that matter are also
// returned or end the process. Everything else is logged for debugging, and so are routine warnings.
type routed struct{ pkg string }

// routine are parts of warnings that a healthy cluster logs, too. In a raft group they belong to elections, and to
// requests that are retried because of one. The absence of a leader is reported by the requests that wait for it.
// Between nodes they mean that one is down; that it is unreachable is warned of once a minute.
var routine = map[string][]string{ //nolint:gochecknoglobals // a table
	"raft": {
		"became PreVote candidate", "became candidate", "campaign skipped",
		"received RequestVote", "received RequestPreVote", "sent RequestVote", "sent RequestPreVote",
		"dropped RequestVote", "dropped RequestPreVote", "with higher term", "after receiving higher term",
		"cast vote", "cast preVote", "rejected vote", "rejected preVote", " votes and ", " preVotes and ",
		"rejection from", "received RequestVoteResp", "received RequestPreVoteResp",
		"dropped proposal", "dropped read index", "dropped ReadIndex",
		"dropped LeaderTransfer", "LeaderTransfer ignored", "no remote for",
	},
	"transport": {
		"connect: connection refused", "connection reset by peer", "broken pipe", "EOF", "failed to get the header",
		"failed to get poison ack",
	},
}

func (r routed) isRoutine(text string) bool {
	return slices.ContainsFunc(routine[r.pkg], func(part string) bool { return strings.Contains(text, part) })
}

// repeated is in the warning that dragonboat logs about a node that is down with every attempt to connect: about once a
// second.
const repeated = "became unreachable"

// warnAgain is the time between two such warnings for one address.
const warnAgain = time.Minute

// warnedLately reports whether text repeats a warning that was logged less than warnAgain ago. Otherwise it remembers
// the warning.
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
func (r routed) Debugf(format string, args ...any)   { r.debug(format, args) }
func (r routed) Infof(format string, args ...any)    { r.debug(format, args) }
func (r routed) Warningf(format string, args ...any) { r.warn(format, args) }
func (r routed) Errorf(format string, args ...any)   { r.warn(format, args) }

// debug formats nothing unless the line is wanted: dragonboat says much.
func (r routed) debug(format string, args []any) {
	if log := route.to.Load().log; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("raft", "package", r.pkg, "text", fmt.Sprintf(format, args...))
	}
}

func (r routed) warn(format string, args []any) {
	text, to := fmt.Sprintf(format, args...), route.to.Load()
	level := slog.LevelWarn
	if r.isRoutine(text) || to.warnedLately(text, time.Now()) {
		level = slog.LevelDebug
	}
	to.log.Log(context.Background(), level, "raft", "package", r.pkg, "text", text)
}

// Panicf logs why the process ends, and ends it: dragonboat calls it in goroutines of its own.
func (r routed) Panicf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	route.to.Load().log.Error("raft cannot go on, this node stops", "package", r.pkg, "text", text)
	panic("raft cannot go on: " + text)
}
