package kafkaproto

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	noisePerPeriod = 10
	noisePeriod    = 10 * time.Second
)

// limitedLog writes a bounded number of lines per period: what clients can cause must not fill the disk. The
// first line after a period that had more says how many were left out.
type limitedLog struct {
	log *slog.Logger

	mu      sync.Mutex
	began   time.Time
	written int
	left    int
}

func newLimitedLog(log *slog.Logger) *limitedLog { return &limitedLog{log: log} }

// Warn writes a line at level warning, or counts it.
func (l *limitedLog) Warn(ctx context.Context, msg string, args ...any) {
	l.write(ctx, slog.LevelWarn, msg, args)
}

// Error writes a line at level error, or counts it.
func (l *limitedLog) Error(ctx context.Context, msg string, args ...any) {
	l.write(ctx, slog.LevelError, msg, args)
}

// Info writes a line at level info, or counts it.
func (l *limitedLog) Info(ctx context.Context, msg string, args ...any) {
	l.write(ctx, slog.LevelInfo, msg, args)
}

func (l *limitedLog) write(ctx context.Context, level slog.Level, msg string, args []any) {
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
func (l *limitedLog) admit(now time.Time) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= noisePeriod {
		l.began, l.written = now, 0
	}
	if l.written == noisePerPeriod {
		l.left++
		return 0, false
	}
	l.written++
	left, l.left = l.left, 0
	return left, true
}
