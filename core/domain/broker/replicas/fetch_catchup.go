package replicas

import (
	"slices"
	"time"
)

// catchUp adds records of partitions in which the follower is not in sync to its answer, which already has total bytes,
// as far as the throttle allows. It returns the bytes added, and whether some records could not be read.
//
// Producers with acks=all wait for followers that are in sync. Partitions in sync are therefore served first, and what
// catchUp adds to them is limited to the max bytes of one partition: the follower asks again only after everything that
// it got is durable. At least one batch is always added, so that a follower catches up under any load.
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

// uncount takes back what an answer has counted against the quota. The answer is built again.
func (f *Fetch) uncount(resp *FetchResponse) {
	for i := range resp.Partitions {
		f.throttle.count(-resp.Partitions[i].counted)
	}
}

// due returns a channel that is ready when more may be sent of a throttled partition. It never is when throttled is
// nil. The caller must call stop.
func (f *Fetch) due(throttled *Partition) (due <-chan time.Time, stop func()) {
	if throttled == nil {
		return nil, func() {}
	}
	t := time.NewTimer(f.throttle.wait(throttled.config.Load().LeaderThrottle.Rate))
	return t.C, func() { t.Stop() }
}

// ThrottledRate returns how many bytes per second go to followers that are throttled.
func (f *Fetch) ThrottledRate() int64 { return f.throttle.perSecond() }
