package broker

import "time"

// sendThrottled answers a follower with what the quota allows. A follower that has to wait is not told either that the high watermark has
// risen: it would ask again at once.
func (f *Fetch) sendThrottled(p *Partition, want *wantedPartition, upTo int64, got *FetchedPartition, maxBytes int, first bool) {
	if f.throttle.wait(p.config.Load().LeaderThrottle.Rate) > 0 {
		want.throttled, want.behind = true, false
		return
	}
	got.Records, got.Err = slice(p, want.ask.Offset, upTo, maxBytes, first)
	got.counted = got.Records.Size
	f.throttle.count(got.counted)
}

// takeBack has nothing counted of an answer that is made anew.
func (f *Fetch) takeBack(resp *FetchResponse) {
	for i := range resp.Partitions {
		f.throttle.count(-resp.Partitions[i].counted)
	}
}

// due tells when more may be sent of a partition that was throttled; never, when it is nil. Call stop when that is of no interest any more.
func (f *Fetch) due(throttled *Partition) (due <-chan time.Time, stop func()) {
	if throttled == nil {
		return nil, func() {}
	}
	t := time.NewTimer(f.throttle.wait(throttled.config.Load().LeaderThrottle.Rate))
	return t.C, func() { t.Stop() }
}

// ThrottledRate returns how many bytes per second go to followers that are throttled.
func (f *Fetch) ThrottledRate() int64 { return f.throttle.perSecond() }
