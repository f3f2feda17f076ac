// Package quota limits bandwidth as Kafka's replication quotas do (KIP-73). Rate measures how much was transferred
// lately and how long to wait before more may be; Replicas says which replicas are throttled. The package knows no
// clock: callers give the time.
package quota

import (
	"math"
	"time"
)

// Rate measures bytes per second as Kafka does (SimpleRate): over the time since the oldest of at most num samples
// began, each of which spans size. So a short burst counts with the rate of one sample, and is forgotten after the
// whole window. Times are durations since any fixed moment of the caller's choice. A Rate is not safe for concurrent
// use.
type Rate struct {
	size    time.Duration // of a sample
	window  time.Duration // of all of them
	samples []sample      // the oldest first
}

type sample struct {
	start time.Duration
	bytes int64
}

// forever is longer than any wait, and small enough that a time can be added to it without overflow.
const forever = time.Duration(math.MaxInt64 / 2)

// NewRate returns a rate without any bytes. num and size must be at least 1.
func NewRate(num int, size time.Duration) *Rate {
	window := forever
	if time.Duration(num) < forever/size {
		window = time.Duration(num) * size
	}
	return &Rate{size: size, window: window}
}

// Record counts bytes. A negative number takes back bytes that were counted and not transferred after all.
func (r *Rate) Record(bytes int64, now time.Duration) {
	r.expire(now)
	if last := len(r.samples) - 1; last >= 0 && now-r.samples[last].start < r.size {
		r.samples[last].bytes += bytes
		return
	}
	r.samples = append(r.samples, sample{start: now, bytes: bytes})
}

// PerSecond returns the bytes per second.
func (r *Rate) PerSecond(now time.Duration) int64 {
	r.expire(now)
	if len(r.samples) == 0 {
		return 0
	}
	return int64(float64(r.total()) / max(now-r.samples[0].start, r.size).Seconds())
}

// Wait returns how long it takes until the rate is at most limit bytes per second if nothing more is recorded. It is 0
// when the rate is within the limit now.
func (r *Rate) Wait(limit int64, now time.Duration) time.Duration {
	r.expire(now)
	at, total := now, r.total()
	for _, oldest := range r.samples {
		switch within := span(total, limit); {
		case within <= r.size:
			return at - now
		case within < r.window: // while this sample counts, the same bytes spread over a growing time
			return max(oldest.start+within, at) - now
		}
		at = oldest.start + r.window
		total -= oldest.bytes
	}
	return at - now
}

// expire drops the samples that began before the window.
func (r *Rate) expire(now time.Duration) {
	gone := 0
	for gone < len(r.samples) && now-r.samples[gone].start >= r.window {
		gone++
	}
	r.samples = append(r.samples[:0], r.samples[gone:]...)
}

func (r *Rate) total() (bytes int64) {
	for _, s := range r.samples {
		bytes += s.bytes
	}
	return bytes
}

// span returns how long bytes take at limit bytes per second.
func span(bytes, limit int64) time.Duration {
	switch seconds := float64(bytes) / float64(limit); {
	case bytes <= 0:
		return 0
	case seconds < forever.Seconds():
		return time.Duration(math.Ceil(seconds * float64(time.Second)))
	default: // limit 0
		return forever
	}
}
