package partition

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// FetchAnswer is a leader's answer to a follower's fetch.
type FetchAnswer struct {
	To             FollowerFetch // as it was sent
	OutOfRange     bool          // fault.OffsetOutOfRange; only LogStart is set besides
	LogStart       int64         // the leader's log start offset, -1 if unknown
	HighWatermark  int64
	Diverging      bool // as in FetchReply
	DivergingEpoch int32
	DivergingEnd   int64
	Early          bool  // the first batch begins before the offset of the fetch
	First          int64 // where it begins, if Early
}

// NextFetch returns the next fetch for the leader. ok is false when there is no leader, while the log is being
// truncated, and while not everything fetched is durable: a fetch acknowledges what lies before its offset.
func (r *Replica) NextFetch() (leader int32, f FollowerFetch, ok bool) {
	if r.role != RoleFollower || r.leader < 0 || r.cutting || r.durable < r.end {
		return -1, FollowerFetch{}, false
	}
	return r.leader, FollowerFetch{
		Replica: r.id, BrokerEpoch: r.brokerEpoch, LeaderEpoch: r.leaderEpoch,
		Start: r.start, Offset: r.end, LastEpoch: r.lastEpoch(),
	}, true
}

// Shown returns the end of what consumers may read from a follower (KIP-392): what it knows to be committed. The error
// is fault.NotLeaderOrFollower when it is not a follower, or its lease has ended: then it may lag far behind without
// noticing.
func (r *Replica) Shown(now time.Duration) (int64, error) {
	if r.role != RoleFollower || !r.lease.Live(now) {
		return -1, fault.NotLeaderOrFollower
	}
	return r.hw, nil
}

// KeepsUp reports whether this follower is in the ISR, or has everything below the high watermark of the leader's last
// answer. As in Kafka, producers may wait for it then.
func (r *Replica) KeepsUp() bool { return r.member || r.answered && r.end >= r.leaderHW }

// lastEpoch returns the epoch of the last record, -1 for none.
func (r *Replica) lastEpoch() int32 {
	if r.end == r.start {
		return NoEpoch
	}
	return r.epochs.At(r.end - 1)
}

// FetchAnswered applies a leader's answer. It ignores an answer to any other fetch than NextFetch returns now: the log
// may have been truncated since, and have reached the same offset again with other records.
//
// With Append, the caller calls Appended for each batch and appends the batches to the log. With Begin, it appends them
// after it has reset the log, and then calls Truncated.
func (r *Replica) FetchAnswered(a FetchAnswer, now time.Duration) Effects {
	if _, f, ok := r.NextFetch(); !ok || f != a.To {
		return Effects{}
	}
	switch {
	case a.OutOfRange && a.LogStart >= 0:
		return r.reset(a.LogStart)
	case a.OutOfRange:
		return Effects{}
	case a.Diverging:
		return r.cutAt(a)
	}
	r.leaderHW, r.answered = max(r.leaderHW, a.HighWatermark), true
	fx := r.raise(now)
	if a.Early && r.start == r.end { // the leader's log starts within a batch
		r.cutting = true
		fx.Begin, fx.To = true, a.First
		return fx
	}
	fx.Append = true
	if start := min(a.LogStart, r.hw); start > r.start {
		fx.RaiseStart = start
	}
	return fx
}

// cutAt returns where to truncate the log. The answer names the largest epoch that the leader knows and that is not
// above that of the follower's last record. The log is truncated at the end of this epoch, in the log in which it ended
// first. If this log does not have the epoch, the log is truncated at the end of its largest epoch below, and the next
// fetch asks about that one (KIP-279). Each answer removes at least one record, because the epoch of the last record
// ended earlier in the leader's log.
func (r *Replica) cutAt(a FetchAnswer) Effects {
	to := min(a.DivergingEnd, r.end)
	if found, end := r.epochs.EndOf(a.DivergingEpoch, r.end); found == a.DivergingEpoch {
		to = min(to, end)
	} else if found >= 0 {
		to = end
	}
	if to >= r.end || to < 0 {
		return Effects{} // a violation of the protocol
	}
	if to < r.start {
		return r.reset(to)
	}
	r.cutting = true
	return Effects{Truncate: true, To: to}
}

// reset has the log emptied, to continue at offset to. A member of the ISR must not do that: it could be elected with
// an empty log. Its fetches do not count, so the leader removes it from the ISR after a while, and then it resets its
// log.
func (r *Replica) reset(to int64) Effects {
	if r.member {
		return Effects{}
	}
	r.cutting = true
	return Effects{Reset: true, To: to}
}

// Truncated ends a truncation or a reset with the new state of the log. After Begin that includes the records of the
// answer: they count if a view that has arrived meanwhile elects this replica.
func (r *Replica) Truncated(log LogState, now time.Duration) Effects {
	r.cutting = false
	r.know(log)
	r.leaderHW = min(r.leaderHW, r.hw)
	if v := r.next; v != nil {
		r.next = nil
		return r.Install(*v, now)
	}
	return Effects{Fetch: r.role == RoleFollower && r.leader >= 0}
}
