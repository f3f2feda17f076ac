package partition

import (
	"math"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// FollowerFetch is what a follower's Fetch says about one partition.
type FollowerFetch struct {
	Replica     int32
	BrokerEpoch int64 // of the follower's incarnation (KIP-903), -1 when it names none
	LeaderEpoch int32 // the follower's idea of the current one, -1 when it has none
	Start       int64 // the follower's log start offset
	Offset      int64 // the follower has everything between on its disk
	LastEpoch   int32 // of the record before Offset (KIP-595's LastFetchedEpoch), -1 when there is none
}

// FetchReply is what a follower's fetch is answered with: records from its offset up to End, or where the logs part.
type FetchReply struct {
	Effects
	End            int64 // of what the follower may have
	Behind         bool  // the high watermark has risen above what the follower was told last
	InSync         bool  // the follower is in the ISR, or the high watermark waits for it as if it were
	Diverging      bool  // no records: the follower's log parts from the leader's
	DivergingEpoch int32 // the largest epoch known to the leader that is not above the follower's
	DivergingEnd   int64 // where it ended
}

// Proposal is a change of the ISR that metadata shall decide: Kafka's AlterPartition. It stands only against the
// leader epoch and version that it names. When it is accepted, the version rises even if the ISR stays the same.
type Proposal struct {
	LeaderEpoch int32
	Version     int32
	ISR         []Member
}

// Member is a broker in a proposed ISR. A member that is new may be accepted only when it is registered, not fenced,
// and under this very epoch: one that was started anew since may have lost what it acknowledged (KIP-841, KIP-903).
type Member struct {
	Broker int32
	Epoch  int64 // -1 when unknown, of members that are not new
}

// FollowerFetched notes what a follower has, and says what it may get. Errors: fault.FencedLeaderEpoch,
// fault.UnknownLeaderEpoch, fault.NotLeaderOrFollower, fault.StaleBrokerEpoch, and fault.OffsetOutOfRange when the
// follower has to begin anew at the log start offset. One that is in the ISR could be elected with an empty log then:
// it is told fault.OffsetNotAvailable until it has been removed, for its fetch does not count. It does not allocate.
func (r *Replica) FollowerFetched(f FollowerFetch, now time.Duration) (FetchReply, error) {
	if err := r.CheckEpoch(f.LeaderEpoch); err != nil {
		return FetchReply{}, err
	}
	if r.role != RoleLeader {
		return FetchReply{}, fault.NotLeaderOrFollower
	}
	p := r.peer(f.Replica)
	switch {
	case p == nil && f.LeaderEpoch < 0:
		return FetchReply{}, fault.NotLeaderOrFollower // as in Kafka: who names no epoch may be the one who is behind
	case p == nil:
		return FetchReply{}, fault.UnknownLeaderEpoch // and who names the present one has heard what the leader has not
	}
	if f.BrokerEpoch < p.brokerEpoch {
		return FetchReply{}, fault.StaleBrokerEpoch
	}
	if f.BrokerEpoch > p.brokerEpoch {
		p.restarted(f.BrokerEpoch)
	}
	if f.Offset < r.start || r.forgotten(f.LastEpoch) && !p.committed || r.hollow(p, f) {
		return FetchReply{}, p.beginAnew()
	}
	if f.LastEpoch >= 0 {
		if found, end := r.epochs.EndOf(f.LastEpoch, r.end); found < f.LastEpoch || end < f.Offset {
			return FetchReply{Diverging: true, DivergingEpoch: found, DivergingEnd: end}, nil
		}
	}
	if f.Offset > r.end {
		return FetchReply{}, p.beginAnew()
	}
	p.fetchedAt(f, r.durable, now)
	reply := FetchReply{Effects: r.raise(now), End: r.durable}
	reply.Behind, p.told, p.mayDelete = r.hw > p.told, r.hw, r.hw
	reply.InSync = r.awaited(p, now)
	reply.Propose = !p.counted && !p.barred && r.mayJoin(p, now) && !r.asking
	return reply, nil
}

// forgotten reports whether all records of epoch, if this log ever had any, were deleted. Then nobody can tell whether
// a follower's log is the same below the log start offset: unless it is in the ISR, it begins anew there. Kafka has it
// cut at the log start, and what is below waits for deletion, and for the follower to be elected before that.
func (r *Replica) forgotten(epoch int32) bool {
	return epoch >= 0 && len(r.epochs.entries) > 0 && epoch < r.epochs.entries[0].Epoch
}

// hollow reports whether a follower's log begins above the leader's, and above all that it can know to be committed:
// what lies between is missing there, and may be committed yet. A log start offset never rises above the high
// watermark, so that such a log has outlived an unclean election, or a loss of what was not synced.
func (r *Replica) hollow(p *peer, f FollowerFetch) bool {
	return f.Start > max(r.epochStart, p.mayDelete, r.start)
}

// beginAnew says what a follower is told that cannot go on with its log.
func (p *peer) beginAnew() error {
	if p.counted {
		return fault.OffsetNotAvailable
	}
	return fault.OffsetOutOfRange
}

// restarted forgets what an earlier incarnation of the follower had.
func (p *peer) restarted(brokerEpoch int64) {
	p.brokerEpoch, p.acked, p.told, p.ownEnd = brokerEpoch, -1, 0, math.MaxInt64
	if !p.counted {
		p.caughtUp = never
	}
}

// fetchedAt notes a fetch. As in Kafka, a follower has caught up when it has all that the
// leader had at the fetch before.
func (p *peer) fetchedAt(f FollowerFetch, end int64, now time.Duration) {
	switch {
	case f.Offset >= end:
		p.caughtUp = max(p.caughtUp, now)
	case f.Offset >= p.ownEnd:
		p.caughtUp = max(p.caughtUp, p.fetched)
	}
	p.acked, p.fetched, p.ownEnd = f.Offset, now, end
}

// peer returns the replica on broker id, nil when there is none.
func (r *Replica) peer(id int32) *peer {
	for i := range r.peers {
		if r.peers[i].id == id {
			return &r.peers[i]
		}
	}
	return nil
}

// Behind reports whether the high watermark has risen since the follower on broker id fetched last.
func (r *Replica) Behind(id int32) bool {
	p := r.peer(id)
	return p != nil && r.hw > p.told
}

// InSync returns the end of what the follower on broker id is known to have on its disk. ok is false when the ISR that
// metadata has is without it, or it has not fetched from this leader yet. It does not allocate.
func (r *Replica) InSync(id int32) (end int64, ok bool) {
	if p := r.peer(id); p != nil && p.committed && p.acked >= 0 {
		return p.acked, true
	}
	return -1, false
}

// replicated returns what every replica has on its disk that is in the ISR, or that may be without the leader's
// knowing. Who is about to join is waited for, too, as in Kafka: under load it would never see its offset reach the
// high watermark. A leader without lease raises nothing.
func (r *Replica) replicated(now time.Duration) int64 {
	if !r.lease.Live(now) {
		return -1
	}
	to := r.durable
	for i := range r.peers {
		if p := &r.peers[i]; r.awaited(p, now) {
			to = min(to, p.acked)
		}
	}
	return to
}

// awaited reports whether the high watermark waits for p.
func (r *Replica) awaited(p *peer, now time.Duration) bool {
	return p.counted || !p.barred && r.recent(p, now)
}

// recent reports whether p had everything not longer ago than MaxLag.
func (r *Replica) recent(p *peer, now time.Duration) bool { return now-p.caughtUp <= r.settings.MaxLag }

// mayJoin reports whether p belongs into the ISR. It has reached the high watermark, and the start of the
// leader's epoch, below which records may be committed that the leader does not know to be; and it keeps up, or
// it would have to leave at once.
func (r *Replica) mayJoin(p *peer, now time.Duration) bool {
	return p.acked >= r.hw && p.acked >= r.epochStart && r.recent(p, now)
}

// wantsChange reports whether Propose may have something to propose.
func (r *Replica) wantsChange(now time.Duration) bool {
	if r.role != RoleLeader || r.asking {
		return false
	}
	if r.open {
		return true
	}
	for i := range r.peers {
		p := &r.peers[i]
		if p.committed && p.acked != r.durable && !r.recent(p, now) || !p.committed && r.recent(p, now) {
			return true
		}
	}
	return false
}

// Propose returns the ISR as it should be, when that is not what metadata has: without members that lag, with the
// others who have caught up and are eligible. eligible says whether the newest image has the broker registered under
// that epoch, neither fenced nor shutting down. The proposal counts from now on where it is larger than the ISR; where
// it is smaller, nothing changes before it is committed. One proposal at a time is on its way: until a newer view is
// installed, or ProposalFailed.
func (r *Replica) Propose(now time.Duration, eligible func(broker int32, epoch int64) bool) (Proposal, bool) {
	if r.role != RoleLeader || r.asking {
		return Proposal{}, false
	}
	isr := make([]Member, 1, len(r.peers)+1)
	isr[0] = Member{Broker: r.id, Epoch: r.brokerEpoch}
	changed := r.open
	for i := range r.peers {
		p := &r.peers[i]
		var in bool
		if p.committed {
			in = p.acked == r.durable || r.recent(p, now)
		} else {
			p.barred = !eligible(p.id, p.brokerEpoch)
			in = r.mayJoin(p, now) && !p.barred
		}
		if in {
			isr = append(isr, Member{Broker: p.id, Epoch: p.brokerEpoch})
		}
		changed = changed || in != p.committed
	}
	if !changed {
		return Proposal{}, false
	}
	for _, m := range isr[1:] {
		r.peer(m.Broker).counted = true
	}
	r.asking, r.open = true, true
	return Proposal{LeaderEpoch: r.leaderEpoch, Version: r.version, ISR: isr}, true
}

// ProposalFailed notes that p was refused, or that its fate is not known. It counts on, since a copy of it
// may still be on its way to metadata; the next Tick outbids it by another proposal against the same version,
// of which only one can win.
func (r *Replica) ProposalFailed(p Proposal) {
	if p.Version == r.version && p.LeaderEpoch == r.leaderEpoch {
		r.asking = false
	}
}

// Admit says whether a batch may be appended. Errors: fault.NotLeaderOrFollower, also when the lease has ended, and
// for acks -1 fault.NotEnoughReplicas.
func (r *Replica) Admit(acks int16, now time.Duration) error {
	switch {
	case r.role != RoleLeader || !r.lease.Live(now):
		return fault.NotLeaderOrFollower
	case acks == -1 && !r.enough():
		return fault.NotEnoughReplicas
	}
	return nil
}

// Replicated says with what an append of acks -1 is answered that the high watermark has passed: nil, or
// fault.NotEnoughReplicasAfterAppend.
func (r *Replica) Replicated() error {
	if !r.enough() {
		return fault.NotEnoughReplicasAfterAppend
	}
	return nil
}

// enough reports whether the committed ISR is as large as min.insync.replicas, or has all replicas when
// these are fewer, as in Kafka.
func (r *Replica) enough() bool { return r.inSync >= min(r.settings.MinInSync, len(r.peers)+1) }

// Readable returns the end of what consumers may read. Errors: fault.NotLeaderOrFollower, also when the lease has
// ended: there may be another leader. fault.OffsetNotAvailable while a new leader does not know yet how much was
// committed before it was elected (KIP-207): so nobody sees the high watermark fall.
func (r *Replica) Readable(now time.Duration) (int64, error) {
	switch {
	case r.role != RoleLeader || !r.lease.Live(now):
		return -1, fault.NotLeaderOrFollower
	case r.hw < r.epochStart:
		return -1, fault.OffsetNotAvailable
	}
	return r.hw, nil
}

// CheckEpoch compares a request's idea of the leader epoch (KIP-320), -1 for none, with the newest that is known.
// Errors: fault.FencedLeaderEpoch, fault.UnknownLeaderEpoch.
func (r *Replica) CheckEpoch(epoch int32) error { return CheckEpoch(epoch, r.leaderEpoch) }

// CheckEpoch is Replica.CheckEpoch where the newest leader epoch is newest.
func CheckEpoch(epoch, newest int32) error {
	switch {
	case epoch >= 0 && epoch < newest:
		return fault.FencedLeaderEpoch
	case epoch > newest:
		return fault.UnknownLeaderEpoch
	}
	return nil
}
