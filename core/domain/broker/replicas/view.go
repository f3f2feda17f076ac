package replicas

import (
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// view is a partition at one moment, as a request sees it: its numbers were true together. What a fetch is answered
// follows from it alone, except for the records themselves.
type view struct {
	topic string
	index int32
	role  partition.Role

	leader, epoch int32 // the newest that are known, -1 for none
	start, end    int64 // of the log
	durable       int64 // end of what is on this broker's disk
	highWatermark int64
	lastStable    int64 // end of what read_committed consumers may read

	// The largest leader epoch that is not above the one that was asked about, and where it ended; -1 when unknown.
	askedEpoch int32
	askedEnd   int64

	failure   error // why the partition is unusable, nil while it is not
	logFailed bool  // only its log has failed: what was committed before can be read
	noLead    error // why this replica does not act as the leader, nil when it does
	withheld  error // why consumers get no records here: a leader's reason, or a follower's
}

// view returns the partition as it is now. epoch is a leader epoch that is asked about, -1 for none.
func (p *Partition) view(epoch int32) view {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.viewed(epoch)
}

// viewed is view under the lock tail.
func (p *Partition) viewed(epoch int32) view {
	v := view{
		topic: p.topic, index: p.index, leader: -1, epoch: partition.NoEpoch, askedEpoch: partition.NoEpoch, askedEnd: -1,
		failure: p.gone, logFailed: p.broken,
	}
	r := p.replica
	if r == nil { // it could not be opened
		v.noLead, v.withheld = p.gone, p.gone
		return v
	}
	now := p.now()
	v.role = r.Role()
	v.leader, v.epoch = r.Leader()
	v.start, v.end = r.Bounds()
	v.durable, v.highWatermark = r.DurableEnd(), r.HighWatermark()
	v.lastStable = v.highWatermark
	v.noLead = r.Admit(0, now)
	if v.role == partition.RoleFollower {
		_, v.withheld = r.Shown(now)
	} else {
		_, v.withheld = r.Readable(now)
	}
	if epoch >= 0 {
		v.askedEpoch, v.askedEnd = r.EndOf(epoch)
	}
	return v
}

// checkEpoch compares a client's idea of the leader epoch with the partition's (KIP-320); -1 is not checked. Errors:
// fault.FencedLeaderEpoch, UnknownLeaderEpoch.
func (v *view) checkEpoch(client int32) error {
	if err := partition.CheckEpoch(client, v.epoch); err != nil {
		return fault.New(fault.KindOf(err), "leader epoch %d of %s-%d, it is %d", client, v.topic, v.index, v.epoch)
	}
	return nil
}

// checkLeader is checkEpoch, and then fault.NotLeaderOrFollower when this broker does not lead. As in Kafka, a replica
// that does not lead says first whether its epoch is another, so that a client knows whether to look for the leader or
// to wait.
func (v *view) checkLeader(client int32) error {
	if err := v.checkEpoch(client); err != nil {
		return err
	}
	return v.noLead
}

// stable returns the end of what consumers of an isolation level may read.
func (v *view) stable(readCommitted bool) int64 {
	if readCommitted {
		return v.lastStable
	}
	return v.highWatermark
}

// readable returns the end of what a consumer may read from this leader. Errors: why the partition is unusable,
// fault.NotLeaderOrFollower, OffsetNotAvailable while a new leader does not know yet what was committed (KIP-207).
func (v *view) readable(readCommitted bool) (int64, error) {
	switch {
	case v.failure != nil:
		return -1, v.failure
	case v.noLead != nil:
		return -1, v.noLead
	case v.withheld != nil:
		return -1, v.withheld
	}
	return v.stable(readCommitted), nil
}

// fetchable is readable for a consumer that fetches from offset on. Where the log has failed, what was committed before
// can still be read; its end is where the failure is told.
func (v *view) fetchable(offset int64, readCommitted bool) (int64, error) {
	if v.failure == nil {
		return v.readable(readCommitted)
	}
	if !v.logFailed {
		return -1, v.failure
	}
	sound := *v
	sound.failure = nil
	end, err := sound.readable(readCommitted)
	if err == nil && offset >= end {
		err = v.failure
	}
	return end, err
}

// diverging tells a reader whose last record was written under another history where that history ends here (KIP-595).
// v must have been asked for the epoch of that record. Of an epoch that nothing is known about, nobody can say.
func (v *view) diverging(ask *FetchPartition) (*EpochEndOffset, error) {
	last := ask.LastFetchedEpoch
	switch {
	case last < 0:
		return nil, nil
	case v.askedEpoch < 0:
		return nil, fault.New(fault.OffsetOutOfRange, "the end of epoch %d of %s-%d is not known", last, v.topic, v.index)
	case v.askedEpoch < last || v.askedEnd < ask.Offset:
		return &EpochEndOffset{Epoch: v.askedEpoch, EndOffset: v.askedEnd}, nil
	}
	return nil, nil
}

// leaderHint names the leader (KIP-951).
func (v *view) leaderHint() *LeaderHint { return &LeaderHint{Leader: v.leader, LeaderEpoch: v.epoch} }
