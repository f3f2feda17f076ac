package partition

import (
	"math"
	"slices"
	"time"
)

// Role is what a broker is to a partition.
type Role uint8

// The roles.
const (
	RoleNone     Role = iota // no replica, or none that metadata knows of yet
	RoleFollower             // it fetches from the leader, when there is one
	RoleLeader
)

// Replica is one partition's replica on one broker, as a step function: events go in, what is to be done comes out
// as Effects. It knows no log, no network and no clock; broker and simulator run the same code. The rules, and why they
// are what they are, stand in docs/decisions/0005-replica-protocol.md. It is not safe for concurrent use.
//
// As a leader it serves followers what is durable on its own disk and nothing above: a leader that loses power never
// has followers that know more than it does.
type Replica struct {
	id          int32
	brokerEpoch int64
	settings    ReplicaSettings
	lease       *Lease

	start, end, durable int64
	epochs              Epochs
	stored              int32 // the newest leader epoch that the log has, or was told to store with a batch
	hw                  int64
	cutting             bool  // the log is being truncated
	next                *View // what was installed meanwhile

	role        Role
	leader      int32
	leaderEpoch int32
	version     int32
	inSync      int // the size of the committed ISR

	// As a leader.
	epochStart int64  // the log's end when it was elected
	peers      []peer // the other replicas
	asking     bool   // a proposal is on its way
	open       bool   // something was proposed against version, and may yet be applied

	// As a follower.
	leaderHW int64
	heard    bool // from this leader, which has told its high watermark
	member   bool // of the committed ISR
}

// ReplicaSettings is what configs ask of a replica.
type ReplicaSettings struct {
	MinInSync int           // min.insync.replicas
	MaxLag    time.Duration // replica.lag.time.max.ms
}

// LogState is what a replica has to know of its log.
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

// View is a partition as one image of the metadata shows it to one broker. The slices must not change.
type View struct {
	Leader      int32 // -1 for none
	LeaderEpoch int32
	Version     int32 // Kafka's partition epoch
	Replicas    []int32
	ISR         []int32
	BrokerEpoch int64 // under which the broker itself is registered in that image, -1 when it is not
}

// Effects is what the caller has to carry out, in the order of the fields.
type Effects struct {
	Deposed       bool  // it leads no longer: appends that wait fail with fault.NotLeaderOrFollower
	Raised        bool  // the high watermark is HighWatermark now
	Begin         bool  // let the log, which is empty, begin anew at To with the records of the fetch's answer, then call Truncated
	Append        bool  // the records of the fetch's answer belong behind the log's end
	Propose       bool  // the ISR should change: call Propose
	Fetch         bool  // NextFetch may have something new to say
	Truncate      bool  // cut the log at To, then call Truncated
	Reset         bool  // forget the whole log and let it begin anew at To, then call Truncated
	HighWatermark int64 // valid with Raised
	To            int64 // valid with Begin, Truncate and Reset
	RaiseStart    int64 // raise the log start offset to this, 0 for no change
}

// peer is another replica, as the leader sees it.
type peer struct {
	id          int32
	committed   bool          // in the ISR that metadata has
	counted     bool          // or in one that it may come to have
	barred      bool          // may not join the ISR, at the last look
	brokerEpoch int64         // of its last fetch
	acked       int64         // what it has on its disk ends here, -1 when unknown
	told        int64         // the high watermark at its last fetch
	mayDelete   int64         // the highest that any incarnation of it was told in this epoch: its log begins no higher
	caughtUp    time.Duration // when it last had everything
	fetched     time.Duration // when it fetched last
	ownEnd      int64         // the leader's durable end at that time
}

// never is a moment long before all others.
const never = math.MinInt64 / 2

// NewReplica returns a replica that has no role until a view is installed. brokerEpoch is what this incarnation of the
// broker was registered under. hw is the last high watermark that is known; 0 does no harm, since nothing is cut at it
// and a leader shows none before it has reached its epoch's start.
func NewReplica(id int32, brokerEpoch int64, s ReplicaSettings, lease *Lease, log LogState, hw int64) *Replica {
	r := &Replica{
		id: id, brokerEpoch: brokerEpoch, settings: s, lease: lease, leader: -1, leaderEpoch: NoEpoch, version: -1, hw: hw,
	}
	r.know(log)
	return r
}

// know takes a log's state over.
func (r *Replica) know(log LogState) {
	r.start, r.end, r.durable = log.Start, log.End, log.Durable
	r.epochs.Restore(log.Epochs)
	r.epochs.TruncateTo(log.Start)
	r.stored, _ = r.epochs.Latest()
	r.hw = max(min(r.hw, r.durable), r.start)
}

// Configure takes new settings into use.
func (r *Replica) Configure(s ReplicaSettings) { r.settings = s }

// Install takes over what metadata says. A view that is not newer than the last is ignored, and so is one from before
// this incarnation of the broker was registered: it may give the broker an epoch whose records it has lost.
func (r *Replica) Install(v View, now time.Duration) Effects {
	if v.BrokerEpoch != r.brokerEpoch || v.Version <= r.version || v.LeaderEpoch < r.leaderEpoch {
		return Effects{}
	}
	if r.cutting { // a follower is: it may be elected, but where its log ends is not known yet
		if r.next == nil || v.Version > r.next.Version {
			r.next = &v
		}
		return Effects{}
	}
	elected, led := v.LeaderEpoch > r.leaderEpoch, r.role == RoleLeader
	r.leader, r.leaderEpoch, r.version, r.inSync = v.Leader, v.LeaderEpoch, v.Version, len(v.ISR)
	// What was proposed against the old version can no more be applied.
	r.asking, r.open = false, false
	if elected {
		// An epoch that this broker led, and that has no records, is not part of the log's history. As one, it would hide
		// the older epoch that the next leader goes on with there.
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
			r.leaderHW, r.heard = r.hw, false
		}
	}
	fx := r.raise(now)
	fx.Deposed = led && r.role != RoleLeader
	fx.Fetch = r.role == RoleFollower && r.leader >= 0
	fx.Propose = r.wantsChange(now)
	return fx
}

// meet makes the peers of v. A new leader knows nothing of them. Who is outside of the ISR has to fetch once more
// before it may join: it may have been taken away and brought back, with an empty log, between two views.
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
			p.caughtUp = now // time to show itself
		}
		p.committed, p.counted = in, in
		r.peers = append(r.peers, p)
	}
}

// Appended notes that a batch of leader epoch epoch, from base up to end, is ordered behind the log's end. It is
// called before the log gets the batch, which may be durable at any moment after. begins is true when the batch is the
// first of its epoch: the log has to store the Epochs with it.
func (r *Replica) Appended(base, end int64, epoch int32) (begins bool) {
	r.epochs.Assign(epoch, base)
	r.end = end
	begins = epoch > r.stored
	r.stored = max(r.stored, epoch)
	return begins
}

// Epochs returns the history of leader epochs, oldest first.
func (r *Replica) Epochs() []EpochStart { return r.epochs.Entries() }

// EpochsBelow is Epochs of a log that ends at end.
func (r *Replica) EpochsBelow(end int64) []EpochStart {
	below := Epochs{entries: r.epochs.Entries()}
	below.TruncateFrom(end)
	return below.entries
}

// Durable notes that everything below end is as durable as the log's flush policy asks.
func (r *Replica) Durable(end int64, now time.Duration) Effects {
	r.durable = max(r.durable, min(end, r.end))
	fx := r.raise(now)
	fx.Fetch = r.role == RoleFollower && r.leader >= 0 && r.durable == r.end
	return fx
}

// Started notes that the log start offset has risen. The high watermark does not rise with it: deleting
// records does not commit them.
func (r *Replica) Started(start int64, now time.Duration) Effects {
	if start <= r.start {
		return Effects{}
	}
	r.start = start
	r.epochs.TruncateTo(start)
	return r.raise(now)
}

// Tick lets time pass. It is called every half of MaxLag at least, and soon after the lease was
// renewed when it had ended.
func (r *Replica) Tick(now time.Duration) Effects {
	fx := r.raise(now)
	fx.Propose = r.wantsChange(now)
	return fx
}

// raise raises the high watermark as far as the role allows.
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

// HighWatermark is the end of what is known to be committed. It falls only when an unclean election has lost records.
func (r *Replica) HighWatermark() int64 { return r.hw }

// DurableEnd is the end of what is durable on this broker's disk.
func (r *Replica) DurableEnd() int64 { return r.durable }

// Bounds returns the log start offset and the log's end.
func (r *Replica) Bounds() (start, end int64) { return r.start, r.end }

// Role returns the present role.
func (r *Replica) Role() Role { return r.role }

// Leader returns the leader, -1 when there is none, and the newest leader epoch, -1 when none is known.
func (r *Replica) Leader() (broker, epoch int32) { return r.leader, r.leaderEpoch }

// Version returns the version of the last view, -1 before the first.
func (r *Replica) Version() int32 { return r.version }

// EndOf answers OffsetForLeaderEpoch; see Epochs.EndOf.
func (r *Replica) EndOf(epoch int32) (found int32, end int64) { return r.epochs.EndOf(epoch, r.end) }

// EpochAt returns the leader epoch of the record at offset, -1 when unknown.
func (r *Replica) EpochAt(offset int64) int32 { return r.epochs.At(offset) }
