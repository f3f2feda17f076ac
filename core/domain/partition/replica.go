package partition

import (
	"math"
	"slices"
	"time"
)

// Role is a broker's role in a partition.
type Role uint8

// The roles.
const (
	RoleNone     Role = iota // no replica, or no view was installed yet
	RoleFollower             // fetches from the leader, if there is one
	RoleLeader
)

// Replica is one partition's replica on one broker, as a state machine: events go in, and what the caller has to do
// comes out as Effects. It knows no log, no network and no clock; broker and simulator run the same code. The rules and
// their reasons are in docs/decisions/0005-replica-protocol.md. It is not safe for concurrent use.
//
// As a leader it serves followers only what is durable on its own disk. So after a loss of power no follower has more
// than the leader.
type Replica struct {
	id          int32
	brokerEpoch int64
	settings    ReplicaSettings
	lease       *Lease

	start, end, durable int64
	epochs              Epochs
	stored              int32 // the newest leader epoch that the log has, or was told to store with a batch
	hw                  int64
	cutting             bool  // the log is being truncated or reset
	next                *View // the newest view that has arrived meanwhile

	role        Role
	leader      int32
	leaderEpoch int32
	version     int32
	inSync      int // the size of the committed ISR

	// As a leader.
	epochStart int64  // the log's end when it was elected
	peers      []peer // the other replicas
	asking     bool   // a proposal is in progress
	open       bool   // a proposal was made against version, and may still be applied

	// As a follower.
	leaderHW int64 // the leader's high watermark, as of its last answer
	answered bool  // this leader has sent its high watermark
	member   bool  // of the committed ISR
}

// ReplicaSettings are the configs of a replica.
type ReplicaSettings struct {
	MinInSync int           // min.insync.replicas
	MaxLag    time.Duration // replica.lag.time.max.ms
}

// LogState is what a replica needs to know of its log.
type LogState struct {
	Start, End, Durable int64
	Epochs              []EpochStart
}

// Appended returns the state with one more batch, which is not durable yet.
func (s LogState) Appended(base, end int64, epoch int32) LogState {
	var epochs Epochs
	epochs.Restore(s.Epochs)
	epochs.Assign(epoch, base)
	s.End, s.Epochs = end, epochs.Entries()
	return s
}

// View is a partition in one image of the metadata, as one broker sees it. The slices must not change.
type View struct {
	Leader      int32 // -1 for none
	LeaderEpoch int32
	Version     int32 // Kafka's partition epoch
	Replicas    []int32
	ISR         []int32
	BrokerEpoch int64 // of the broker's own registration in that image, -1 if it is not registered
}

// Effects is what the caller has to do, in the order of the fields.
type Effects struct {
	Deposed       bool  // it does not lead any more: waiting appends fail with fault.NotLeaderOrFollower
	Raised        bool  // the high watermark is HighWatermark now
	Begin         bool  // reset the empty log to To, append the records of the fetch's answer, then call Truncated
	Append        bool  // append the records of the fetch's answer
	Propose       bool  // the ISR should change: call Propose
	Fetch         bool  // NextFetch may return a new fetch
	Truncate      bool  // truncate the log at To, then call Truncated
	Reset         bool  // remove all records and let the log continue at To, then call Truncated
	HighWatermark int64 // valid with Raised
	To            int64 // valid with Begin, Truncate and Reset
	RaiseStart    int64 // raise the log start offset to this, 0 for no change
}

// peer is another replica, as the leader sees it.
type peer struct {
	id          int32
	committed   bool          // in the committed ISR
	counted     bool          // in the committed ISR, or in a proposed one that may still be applied
	barred      bool          // was not eligible for the ISR at the last Propose
	brokerEpoch int64         // of its last fetch
	acked       int64         // the end of what it has on its disk, -1 if unknown
	told        int64         // the high watermark in the answer to its last fetch
	mayDelete   int64         // the highest of these in this epoch, over all its processes: its log begins no higher
	caughtUp    time.Duration // when it last had everything
	fetched     time.Duration // when it fetched last
	ownEnd      int64         // the leader's durable end at that time
}

// never is a time before all others.
const never = math.MinInt64 / 2

// NewReplica returns a replica that has no role until a view is installed. brokerEpoch is the epoch under which this
// process of the broker was registered. hw is the last known high watermark; 0 does no harm, since a log is not
// truncated at it, and a leader shows none before it has reached the start of its epoch.
func NewReplica(id int32, brokerEpoch int64, s ReplicaSettings, lease *Lease, log LogState, hw int64) *Replica {
	r := &Replica{
		id: id, brokerEpoch: brokerEpoch, settings: s, lease: lease, leader: -1, leaderEpoch: NoEpoch, version: -1, hw: hw,
	}
	r.know(log)
	return r
}

// know sets the state of the log.
func (r *Replica) know(log LogState) {
	r.start, r.end, r.durable = log.Start, log.End, log.Durable
	r.epochs.Restore(log.Epochs)
	r.epochs.TruncateTo(log.Start)
	r.stored, _ = r.epochs.Latest()
	r.hw = max(min(r.hw, r.durable), r.start)
}

// Configure sets new settings.
func (r *Replica) Configure(s ReplicaSettings) { r.settings = s }

// Install applies a view of the metadata. It ignores a view that is not newer than the last one, and a view in which
// this process of the broker is not registered: that may give the broker a leader epoch whose records it has lost.
func (r *Replica) Install(v View, now time.Duration) Effects {
	if v.BrokerEpoch != r.brokerEpoch || v.Version <= r.version || v.LeaderEpoch < r.leaderEpoch {
		return Effects{}
	}
	if r.cutting { // it may be elected, but where its log ends is not known yet
		if r.next == nil || v.Version > r.next.Version {
			r.next = &v
		}
		return Effects{}
	}
	elected, led := v.LeaderEpoch > r.leaderEpoch, r.role == RoleLeader
	r.leader = v.Leader
	r.leaderEpoch = v.LeaderEpoch
	r.version = v.Version
	r.inSync = len(v.ISR)
	// Proposals against the old version cannot be applied any more.
	r.asking, r.open = false, false
	if elected {
		// An epoch without records that this broker led must not stay in the history. The next leader may append records of
		// an older epoch at the same offset, whose beginning it would hide.
		r.epochs.TruncateFrom(r.end)
	}
	switch {
	case !slices.Contains(v.Replicas, r.id):
		r.role, r.peers = RoleNone, nil
	case v.Leader == r.id:
		r.role = RoleLeader
		if elected {
			r.epochStart = r.end
			r.epochs.Assign(r.leaderEpoch, r.end)
		}
		r.meet(v, elected, now)
	default:
		r.role, r.peers = RoleFollower, nil
		r.member = slices.Contains(v.ISR, r.id)
		if elected {
			r.leaderHW, r.answered = r.hw, false
		}
	}
	fx := r.raise(now)
	fx.Deposed = led && r.role != RoleLeader
	fx.Fetch = r.role == RoleFollower && r.leader >= 0
	fx.Propose = r.wantsChange(now)
	return fx
}

// meet creates the peers for v. A new leader knows nothing about them. A replica outside of the ISR has to fetch again
// before it may join: between two views it may have been removed and added again, with an empty log.
func (r *Replica) meet(v View, elected bool, now time.Duration) {
	old := r.peers
	r.peers = make([]peer, 0, len(v.Replicas))
	for _, id := range v.Replicas {
		if id == r.id {
			continue
		}
		p := peer{id: id, brokerEpoch: -1, acked: -1, caughtUp: never, fetched: never}
		in := slices.Contains(v.ISR, id)
		at := slices.IndexFunc(old, func(o peer) bool { return o.id == id })
		switch {
		case at >= 0 && !elected && in:
			p = old[at]
		case at >= 0 && !elected:
			p.brokerEpoch, p.mayDelete = old[at].brokerEpoch, old[at].mayDelete
		case in:
			p.caughtUp = now // it has MaxLag to fetch for the first time
		}
		p.committed, p.counted = in, in
		r.peers = append(r.peers, p)
	}
}

// Appended records that a batch of leader epoch epoch, from base up to end, is about to be appended. It is called
// before the log gets the batch, which may be durable at any moment from then on. begins is true when the batch is the
// first one of its epoch: the log has to store the Epochs with it.
func (r *Replica) Appended(base, end int64, epoch int32) (begins bool) {
	r.epochs.Assign(epoch, base)
	r.end = end
	begins = epoch > r.stored
	r.stored = max(r.stored, epoch)
	return begins
}

// Epochs returns the history of leader epochs, oldest first.
func (r *Replica) Epochs() []EpochStart { return r.epochs.Entries() }

// EpochsBelow returns the part of Epochs that is valid for a log that ends at end.
func (r *Replica) EpochsBelow(end int64) []EpochStart {
	below := Epochs{entries: r.epochs.Entries()}
	below.TruncateFrom(end)
	return below.entries
}

// Durable records that everything below end is as durable as the log's flush policy asks for.
func (r *Replica) Durable(end int64, now time.Duration) Effects {
	r.durable = max(r.durable, min(end, r.end))
	fx := r.raise(now)
	fx.Fetch = r.role == RoleFollower && r.leader >= 0 && r.durable == r.end
	return fx
}

// Started records that the log start offset has risen. The high watermark does not rise with it: deleting records does
// not commit them.
func (r *Replica) Started(start int64, now time.Duration) Effects {
	if start <= r.start {
		return Effects{}
	}
	r.start = start
	r.epochs.TruncateTo(start)
	return r.raise(now)
}

// Tick applies the passing of time. It must be called at least every half of MaxLag, and soon after the renewal of a
// lease that had ended.
func (r *Replica) Tick(now time.Duration) Effects {
	fx := r.raise(now)
	fx.Propose = r.wantsChange(now)
	return fx
}

// raise raises the high watermark as far as the role allows it.
func (r *Replica) raise(now time.Duration) Effects {
	var to int64
	switch r.role {
	case RoleLeader:
		to = r.replicated(now)
	case RoleFollower:
		to = min(r.leaderHW, r.durable)
	default:
		return Effects{}
	}
	if to <= r.hw {
		return Effects{}
	}
	r.hw = to
	return Effects{Raised: true, HighWatermark: to}
}

// HighWatermark returns the end of what is known to be committed. It falls only after an unclean election that has lost
// records.
func (r *Replica) HighWatermark() int64 { return r.hw }

// DurableEnd returns the end of what is durable on this broker's disk.
func (r *Replica) DurableEnd() int64 { return r.durable }

// Bounds returns the log start offset and the log's end.
func (r *Replica) Bounds() (start, end int64) { return r.start, r.end }

// Role returns the current role.
func (r *Replica) Role() Role { return r.role }

// Leader returns the leader, -1 when there is none, and the newest leader epoch, -1 when none is known.
func (r *Replica) Leader() (broker, epoch int32) { return r.leader, r.leaderEpoch }

// Version returns the version of the last view, -1 before the first.
func (r *Replica) Version() int32 { return r.version }

// EndOf answers OffsetForLeaderEpoch; see Epochs.EndOf.
func (r *Replica) EndOf(epoch int32) (found int32, end int64) { return r.epochs.EndOf(epoch, r.end) }

// EpochAt returns the leader epoch of the record at offset, -1 when unknown.
func (r *Replica) EpochAt(offset int64) int32 { return r.epochs.At(offset) }
