//go:build !linux

package bootclock

import "time"

// sinceBoot returns 0: suspensions are not measured on this operating system.
func sinceBoot() time.Duration { return 0 }
