package partition

import (
	"math"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// FollowerFetch is one partition of a follower's Fetch.
type FollowerFetch struct {
	Replica     int32
	BrokerEpoch int64 // of the follower's process (KIP-903), -1 if the request names none
	LeaderEpoch int32 // the current leader epoch as the follower knows it, -1 for none
	Start       int64 // the follower's log start offset
	Offset      int64 // the follower's log is durable up to here
	LastEpoch   int32 // of the record before Offset (KIP-595's LastFetchedEpoch), -1 if there is none
}

// FetchReply is the answer to a follower's fetch: records from its offset up to End, or where the logs diverge.
type FetchReply struct {
	Effects
	End            int64 // the end of what the follower may read
	Behind         bool  // the high watermark has risen since the last answer to the follower
	InSync         bool  // the follower is in the ISR, or the high watermark waits for it as if it were
	Diverging      bool  // no records: the follower's log diverges from the leader's
	DivergingEpoch int32 // the largest epoch known to the leader that is not above the follower's
	DivergingEnd   int64 // where that epoch ended
}

// Proposal is a change of the ISR for the metadata to decide: Kafka's AlterPartition. It is valid only for the leader
// epoch and version that it names. When it is accepted, the version rises even if the ISR stays the same.
type Proposal struct {
	LeaderEpoch int32
	Version     int32
	ISR         []Member
}

// Member is a broker in a proposed ISR. A new member may be accepted only if it is registered under this epoch and not
// fenced: a broker that has restarted since may have lost what it acknowledged (KIP-841, KIP-903).
type Member struct {
	Broker int32
	Epoch  int64 // -1 if unknown, for members that are not new
}

// FollowerFetched records what a follower has, and returns what it may read. It does not allocate.
//
// Errors: fault.FencedLeaderEpoch, UnknownLeaderEpoch, NotLeaderOrFollower, StaleBrokerEpoch, and OffsetOutOfRange when
// the follower has to reset its log to the log start offset. A member of the ISR could be elected with an empty log
// then: it gets fault.OffsetNotAvailable until it was removed from the ISR, which happens because its fetches do not
// count.
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
		return FetchReply{}, fault.NotLeaderOrFollower // as in Kafka: without an epoch, the follower may be out of date
	case p == nil:
		return FetchReply{}, fault.UnknownLeaderEpoch // it knows the epoch, so this leader does not know the newest view
	}
	if f.BrokerEpoch < p.brokerEpoch {
		return FetchReply{}, fault.StaleBrokerEpoch
	}
	if f.BrokerEpoch > p.brokerEpoch {
		p.restarted(f.BrokerEpoch)
	}
	if f.Offset < r.start || r.forgotten(f.LastEpoch) && !p.committed || r.hollow(p, f) {
		return FetchReply{}, p.resetError()
	}
	if f.LastEpoch >= 0 {
		if found, end := r.epochs.EndOf(f.LastEpoch, r.end); found < f.LastEpoch || end < f.Offset {
			return FetchReply{Diverging: true, DivergingEpoch: found, DivergingEnd: end}, nil
		}
	}
	if f.Offset > r.end {
		return FetchReply{}, p.resetError()
	}
	p.fetchedAt(f, r.durable, now)
	reply := FetchReply{Effects: r.raise(now), End: r.durable}
	reply.Behind, p.told, p.mayDelete = r.hw > p.told, r.hw, r.hw
	reply.InSync = r.awaited(p, now)
	reply.Propose = !p.counted && !p.barred && r.mayJoin(p, now) && !r.asking
	return reply, nil
}

// forgotten reports whether all records of epoch, if this log ever had any, were deleted. Then it cannot be decided
// whether a follower's log is the same below the log start offset, and the follower resets its log to that offset
// unless it is in the ISR. Kafka truncates the follower's log at the log start offset instead. The records below stay
// until retention deletes them, and the follower may be elected before that.
func (r *Replica) forgotten(epoch int32) bool {
	return epoch >= 0 && len(r.epochs.entries) > 0 && epoch < r.epochs.entries[0].Epoch
}

// hollow reports whether a follower's log begins above the leader's, and above everything that it can know to be
// committed. It lacks the records in between, which may still be committed. Since a log start offset never rises above
// the high watermark, this happens only after an unclean election or the loss of records that were not synced.
func (r *Replica) hollow(p *peer, f FollowerFetch) bool {
	return f.Start > max(r.epochStart, p.mayDelete, r.start)
}

// resetError returns the error for a follower that cannot continue with its log.
func (p *peer) resetError() error {
	if p.counted {
		return fault.OffsetNotAvailable
	}
	return fault.OffsetOutOfRange
}

// restarted drops what an earlier process of the follower had.
func (p *peer) restarted(brokerEpoch int64) {
	p.brokerEpoch = brokerEpoch
	p.acked = -1
	p.told = 0
	p.ownEnd = math.MaxInt64
	if !p.counted {
		p.caughtUp = never
	}
}

// fetchedAt records a fetch. As in Kafka, a follower has caught up when it has everything that the leader had at the
// follower's previous fetch.
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

// InSync returns the end of what the follower on broker id is known to have on its disk. ok is false when it is not in
// the committed ISR, or has not fetched from this leader yet. It does not allocate.
func (r *Replica) InSync(id int32) (end int64, ok bool) {
	if p := r.peer(id); p != nil && p.committed && p.acked >= 0 {
		return p.acked, true
	}
	return -1, false
}

// replicated returns the end of what is durable on every replica that is in the ISR, or may be in it without the
// leader's knowledge. As in Kafka, it also waits for a replica that is about to join: under load, its offset would
// otherwise never reach the high watermark. It returns -1 without a lease, so that nothing is raised.
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

// recent reports whether p has caught up within the last MaxLag.
func (r *Replica) recent(p *peer, now time.Duration) bool { return now-p.caughtUp <= r.settings.MaxLag }

// mayJoin reports whether p may join the ISR. It must have reached the high watermark and the start of the leader's
// epoch, since records below that may be committed without the leader's knowledge. And it must have caught up recently,
// otherwise it would have to leave at once.
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

// Propose returns the ISR as it should be, if the metadata has another one: without members that lag, and with other
// replicas that have caught up and are eligible. eligible says whether the newest image has the broker registered under
// that epoch, neither fenced nor shutting down.
//
// Members that the proposal adds count from now on, while members that it removes count until it is committed. There is
// one proposal at a time: the next one follows after a newer view was installed, or after ProposalFailed.
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

// ProposalFailed records that p was refused, or that its outcome is unknown. Its members still count, since a copy of
// the request may still reach the metadata. The next Tick asks for another proposal against the same version, of which
// the metadata can accept only one.
func (r *Replica) ProposalFailed(p Proposal) {
	if p.Version == r.version && p.LeaderEpoch == r.leaderEpoch {
		r.asking = false
	}
}

// Admit returns nil if a batch may be appended. Errors: fault.NotLeaderOrFollower, also when the lease has ended, and
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

// Replicated returns the result of an append with acks -1 that is below the high watermark: nil, or
// fault.NotEnoughReplicasAfterAppend.
func (r *Replica) Replicated() error {
	if !r.enough() {
		return fault.NotEnoughReplicasAfterAppend
	}
	return nil
}

// enough reports whether the committed ISR has min.insync.replicas members, or all replicas if there are fewer, as in
// Kafka.
func (r *Replica) enough() bool { return r.inSync >= min(r.settings.MinInSync, len(r.peers)+1) }

// Readable returns the end of what consumers may read. Errors: fault.NotLeaderOrFollower, also when the lease has
// ended, since there may be another leader; fault.OffsetNotAvailable while a new leader does not know yet how much was
// committed before it was elected (KIP-207), so that consumers do not see the high watermark fall.
func (r *Replica) Readable(now time.Duration) (int64, error) {
	switch {
	case r.role != RoleLeader || !r.lease.Live(now):
		return -1, fault.NotLeaderOrFollower
	case r.hw < r.epochStart:
		return -1, fault.OffsetNotAvailable
	}
	return r.hw, nil
}

// CheckEpoch compares the leader epoch in a request (KIP-320), -1 for none, with the newest one that is known. Errors:
// fault.FencedLeaderEpoch, fault.UnknownLeaderEpoch.
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
