package seglog

import "context"

// Reset is temporary.
func (l *Log) Reset(ctx context.Context, start int64) error { return l.Truncate(ctx, l.StartOffset()) }
