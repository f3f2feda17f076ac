// Package quota has what limits bandwidth: how much has flowed lately, how long to wait until more may, and which replicas that is
// asked of.
package quota

import (
	"math"
	"time"
)

// Rate measures bytes per second as Kafka does (SimpleRate): over the time since the oldest of at most num samples began, each of which
// spans size. So the rate of a short burst is that of one sample, and it takes until the end of all samples to be forgotten. It counts in
// times since any moment of the caller's choice. It is not safe for concurrent use.
type Rate struct {
	size    time.Duration // of a sample
	window  time.Duration // of all of them
	samples []sample      // the oldest first
}

type sample struct {
	start time.Duration
	bytes int64
}

// forever is longer than anybody counts, and can be added to any time.
const forever = time.Duration(math.MaxInt64 / 2)

// NewRate returns a rate that nothing counts for yet. num and size are at least 1.
func NewRate(num int, size time.Duration) *Rate {
	window := forever
	if time.Duration(num) < forever/size {
		window = time.Duration(num) * size
	}
	return &Rate{size: size, window: window}
}

// Record counts so many bytes. What did not flow after all is counted again, below zero.
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

// Wait returns how long it takes until the rate is not above limit bytes per second, 0 when it is not, if nothing is recorded meanwhile.
func (r *Rate) Wait(limit int64, now time.Duration) time.Duration {
	r.expire(now)
	at, total := now, r.total()
	for _, oldest := range r.samples {
		switch within := span(total, limit); {
		case within <= r.size:
			return at - now
		case within < r.window: // as long as this sample counts, the same bytes spread over a time that grows
			return max(oldest.start+within, at) - now
		}
		at = oldest.start + r.window
		total -= oldest.bytes
	}
	return at - now
}

// expire forgets the samples that began before all that counts.
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

// span returns how long so many bytes take at limit bytes per second.
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
