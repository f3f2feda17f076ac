// Package limitedlog writes log lines at a bounded rate. It is for lines that clients can cause, or that are repeated
// with each retry: they must not fill the disk.
package limitedlog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Period is the time for which lines are counted.
const Period = 10 * time.Second

// Log writes a bounded number of lines per Period. If a period had more, the next line that is written says how many
// were left out, as lines_left_out. Messages are constants, as in slog. It is safe for concurrent use.
type Log struct {
	log  *slog.Logger
	most int

	mu      sync.Mutex
	began   time.Time
	written int
	left    int
}

// New returns a Log that writes at most most lines per Period to log.
func New(log *slog.Logger, most int) *Log { return &Log{log: log, most: most} }

// Warn writes a line at level warning, or counts it.
func (l *Log) Warn(ctx context.Context, msg string, args ...any) {
	l.write(ctx, slog.LevelWarn, msg, args)
}

// Error writes a line at level error, or counts it.
func (l *Log) Error(ctx context.Context, msg string, args ...any) {
	l.write(ctx, slog.LevelError, msg, args)
}

// Info writes a line at level info, or counts it.
func (l *Log) Info(ctx context.Context, msg string, args ...any) {
	l.write(ctx, slog.LevelInfo, msg, args)
}

func (l *Log) write(ctx context.Context, level slog.Level, msg string, args []any) {
	left, ok := l.admit(time.Now())
	if !ok {
		return
	}
	if left > 0 {
		args = append(args, "lines_left_out", left)
	}
	l.log.Log(ctx, level, msg, args...) //nolint:sloglint // the callers pass constants
}

// admit reports whether a line may be written now, and how many were left out before it.
func (l *Log) admit(now time.Time) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= Period {
		l.began, l.written = now, 0
	}
	if l.written == l.most {
		l.left++
		return 0, false
	}
	l.written++
	left, l.left = l.left, 0
	return left, true
}
