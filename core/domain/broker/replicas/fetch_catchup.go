package replicas

import (
	"slices"
	"time"
)

// catchUp adds to a follower's answer, which has total bytes, what the follower lacks where it is not in sync, as far as the throttle allows. It
// returns how many bytes that are, and whether some could not be read.
//
// Producers wait for what is in sync. So that comes before, and is not followed by more than one partition may have: before the follower
// asks again, it waits until all that it got is on its disk. One batch always comes, so that a follower catches up under any load.
func (f *Fetch) catchUp(round *fetchRound, resp *FetchResponse, total, limit int) (bytes int, failed bool) {
	inSync := slices.ContainsFunc(round.read, func(w *wantedPartition) bool { return !w.late })
	for i, want := range round.read {
		if !want.late {
			continue
		}
		p, got := want.partition, &resp.Partitions[i]
		throttle := &p.config.Load().LeaderThrottle
		counts := throttle.Replicas.Has(p.index)
		if counts && f.throttle.wait(throttle.Rate) > 0 {
			want.throttled = true
			continue
		}
		room := min(int(want.ask.MaxBytes), limit-total-bytes)
		if inSync {
			room = min(room, int(want.ask.MaxBytes)-bytes)
		}
		records, err := slice(p, want.ask.Offset, want.seen, share{maxBytes: room, first: bytes == 0})
		if err != nil {
			*got = unanswered(got.FetchTarget)
			got.Err = err
			failed = true
			continue
		}
		got.Records = records
		bytes += records.Size
		if counts {
			got.counted = records.Size
			f.throttle.count(got.counted)
		}
	}
	return bytes, failed
}

// takeBack takes back what was counted of an answer that is made again.
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
