package replicas

import (
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// view is a consistent snapshot of a partition: all its numbers were true at the same moment. The answer to a fetch
// depends on nothing else, apart from the records themselves.
type view struct {
	topic string
	index int32
	role  partition.Role

	leader, epoch int32 // the newest known leader and its epoch, -1 for none
	start, end    int64 // of the log
	durable       int64 // end of what is durable on this broker
	highWatermark int64
	lastStable    int64 // end of what read_committed consumers may read

	// The largest leader epoch that is not above the one that was asked about, and where it ended; -1 if unknown.
	askedEpoch int32
	askedEnd   int64

	failure   error // why the partition is unusable, nil if it is usable
	logFailed bool  // the failure is that of the log: what was committed before can still be read
	noLead    error // why this replica does not act as the leader, nil when it does
	withheld  error // why this replica, leader or follower, gives consumers no records; nil when it does
}

// view returns the partition as it is now. epoch is the leader epoch to look up for askedEpoch and askedEnd, -1 for
// none.
func (p *Partition) view(epoch int32) view {
	p.tail.Lock()
	defer p.tail.Unlock()
	return p.viewed(epoch)
}

// viewed is view for callers that hold tail.
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

// checkEpoch compares the leader epoch that a client knows with the partition's (KIP-320); -1 is not checked. Errors:
// fault.FencedLeaderEpoch, UnknownLeaderEpoch.
func (v *view) checkEpoch(client int32) error {
	if err := partition.CheckEpoch(client, v.epoch); err != nil {
		return fault.New(fault.KindOf(err), "leader epoch %d of %s-%d, it is %d", client, v.topic, v.index, v.epoch)
	}
	return nil
}

// checkLeader is checkEpoch, and then fault.NotLeaderOrFollower when this broker does not lead. The order is Kafka's:
// from an error about the epoch, a client knows whether it has to find the new leader or to wait for this broker.
func (v *view) checkLeader(client int32) error {
	if err := v.checkEpoch(client); err != nil {
		return err
	}
	return v.noLead
}

// stable returns the end of what consumers with an isolation level may read.
func (v *view) stable(readCommitted bool) int64 {
	if readCommitted {
		return v.lastStable
	}
	return v.highWatermark
}

// readable returns the end of what a consumer may read from this leader. Errors: the failure of the partition,
// fault.NotLeaderOrFollower, OffsetNotAvailable while a new leader does not know the high watermark yet (KIP-207).
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

// fetchable is readable for a consumer that fetches from offset. When the log has failed, what was committed before can
// still be read; a consumer gets the failure only when it reaches the end.
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

// diverging compares the reader's last record, by its leader epoch, with this log. It returns where that epoch ends
// here if the logs diverge, nil if they do not (KIP-595). v must have been taken for that epoch. The error is
// fault.OffsetOutOfRange when nothing is known about the epoch.
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
