package partition

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// FetchAnswer is what a leader has answered to a follower's fetch.
type FetchAnswer struct {
	To             FollowerFetch // as it was sent
	OutOfRange     bool          // fault.OffsetOutOfRange; only LogStart is set besides
	LogStart       int64         // the leader's log start offset, -1 when unknown
	HighWatermark  int64
	Diverging      bool // as in FetchReply
	DivergingEpoch int32
	DivergingEnd   int64
	Early          bool  // the first batch that was sent begins before the offset that was asked for,
	First          int64 // here
}

// NextFetch returns what to ask the leader for. ok is false when there is no leader to ask, and while anything that was
// fetched is not durable or being cut: a fetch acknowledges what lies before its offset.
func (r *Replica) NextFetch() (leader int32, f FollowerFetch, ok bool) {
	if r.role != RoleFollower || r.leader < 0 || r.cutting || r.durable < r.end {
		return -1, FollowerFetch{}, false
	}
	return r.leader, FollowerFetch{
		Replica: r.id, BrokerEpoch: r.brokerEpoch, LeaderEpoch: r.leaderEpoch, Start: r.start, Offset: r.end, LastEpoch: r.lastEpoch(),
	}, true
}

// Shown returns the end of what consumers may read from a follower (KIP-392): what it knows to be committed. The
// error is fault.NotLeaderOrFollower: it follows nobody, or its lease has ended, and it may have been left
// behind without its knowing.
func (r *Replica) Shown(now time.Duration) (int64, error) {
	if r.role != RoleFollower || !r.lease.Live(now) {
		return -1, fault.NotLeaderOrFollower
	}
	return r.hw, nil
}

// KeepsUp reports whether this follower is in the ISR, or has everything that its leader has called committed in its
// last answer: as in Kafka, producers may wait for it then.
func (r *Replica) KeepsUp() bool { return r.member || r.heard && r.end >= r.leaderHW }

// lastEpoch is the epoch of the last record, -1 for none.
func (r *Replica) lastEpoch() int32 {
	if r.end == r.start {
		return NoEpoch
	}
	return r.epochs.At(r.end - 1)
}

// FetchAnswered takes a leader's answer over, unless it is to another fetch than NextFetch returns now: the log may
// have been cut since, and reach the same offset again with other records. With Append the caller calls Appended for
// each batch and appends them to the log; with Begin it does so when the log has begun anew, and calls Truncated.
func (r *Replica) FetchAnswered(a FetchAnswer, now time.Duration) Effects {
	if _, f, ok := r.NextFetch(); !ok || f != a.To {
		return Effects{}
	}
	switch {
	case a.OutOfRange && a.LogStart >= 0:
		return r.beginAnew(a.LogStart)
	case a.OutOfRange:
		return Effects{}
	case a.Diverging:
		return r.cutAt(a)
	}
	r.leaderHW, r.heard = max(r.leaderHW, a.HighWatermark), true
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

// cutAt says where the log has to be cut: where the epoch that the leader knows ended, in the log that ended it first.
// When this log does not know the epoch either, that is where the largest below it ended, and the next fetch asks about
// that one (KIP-279). Every answer cuts at least one record: the last one's epoch is in the leader's log for less long.
func (r *Replica) cutAt(a FetchAnswer) Effects {
	to := min(a.DivergingEnd, r.end)
	if found, end := r.epochs.EndOf(a.DivergingEpoch, r.end); found == a.DivergingEpoch {
		to = min(to, end)
	} else if found >= 0 {
		to = end
	}
	if to >= r.end || to < 0 {
		return Effects{} // no leader that follows the protocol says so
	}
	if to < r.start {
		return r.beginAnew(to)
	}
	r.cutting = true
	return Effects{Truncate: true, To: to}
}

// beginAnew has the log begin anew at offset to. A member of the ISR does not: it could be elected with an empty log.
// The leader gives it up, since its fetches do not count, and it begins anew when metadata says so.
func (r *Replica) beginAnew(to int64) Effects {
	if r.member {
		return Effects{}
	}
	r.cutting = true
	return Effects{Reset: true, To: to}
}

// Truncated notes that the log was cut or begun anew, and what it is now: with the records for which it has begun, as these count when a view that
// has come meanwhile elects this replica.
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
