package bootclock

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot returns how long ago the machine has started, with the time that it was suspended.
func sinceBoot() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &at); err != nil {
		return 0 // a kernel older than 2.6.39: suspensions cannot be measured
	}
	return time.Duration(at.Nano())
}
