package ports

import "time"

// Clock tells the time: the wall clock for timestamps, its monotonic part for time-outs.
type Clock func() time.Time

// Millis returns the wall clock in milliseconds, the unit of Kafka's timestamps.
func (c Clock) Millis() int64 { return c().UnixMilli() }
