//go:build !linux

package bootclock

import "time"

// sinceBoot says nothing of suspensions here.
func sinceBoot() time.Duration { return 0 }
