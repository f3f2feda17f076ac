package replicas

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// The timestamps with a special meaning in ListOffsets.
const (
	LatestTimestamp        = -1
	EarliestTimestamp      = -2
	MaxTimestamp           = -3 // KIP-734
	EarliestLocalTimestamp = -4 // KIP-405
	LatestTieredTimestamp  = -5 // KIP-1005
	EarliestPendingUpload  = -6 // KIP-1023
)

// OffsetQuery asks ListOffsets about one partition. The second group of fields is the answer.
type OffsetQuery struct {
	Topic              string
	Partition          int32
	CurrentLeaderEpoch int32 // -1: not checked
	Timestamp          int64 // milliseconds, or one of the constants above
	ReadCommitted      bool
	AnyReplica         bool // ask this replica even if it does not lead, up to its durable end: for debugging

	Offset      int64 // -1 when there is none
	AtTimestamp int64 // -1 when the query was not by time
	LeaderEpoch int32 // -1 when unknown
	Err         error
}

// EpochQuery asks where a leader epoch ended. The second group of fields is the answer.
type EpochQuery struct {
	Topic              string
	Partition          int32
	CurrentLeaderEpoch int32 // -1: not checked
	Epoch              int32

	FoundEpoch int32 // -1: unknown
	EndOffset  int64 // -1: unknown
	Err        error
}

// Offsets is the service behind ListOffsets, OffsetForLeaderEpoch and DeleteRecords.
type Offsets struct{ partitions *Partitions }

// NewOffsets returns the offset service.
func NewOffsets(partitions *Partitions) *Offsets { return &Offsets{partitions: partitions} }

// List answers the queries in place.
func (o *Offsets) List(ctx context.Context, queries []OffsetQuery) {
	for i := range queries {
		q := &queries[i]
		q.Offset, q.AtTimestamp, q.LeaderEpoch = -1, -1, -1
		q.Err = o.list(ctx, q)
	}
}

func (o *Offsets) list(ctx context.Context, q *OffsetQuery) error {
	p, v, upTo, err := o.shown(ctx, q)
	if err != nil {
		return err
	}
	switch q.Timestamp {
	case LatestTimestamp:
		q.Offset, q.LeaderEpoch = upTo, v.epoch
	case EarliestTimestamp, EarliestLocalTimestamp:
		q.Offset = v.start
		q.LeaderEpoch = p.epochAt(q.Offset)
	case LatestTieredTimestamp, EarliestPendingUpload:
		// Nothing is tiered: Kafka answers "none" for a topic without remote storage.
	case MaxTimestamp:
		return q.found(p.log.MaxTimestamp(upTo))
	default:
		if q.Timestamp < 0 {
			return fault.New(fault.UnsupportedVersion, "no meaning is known for timestamp %d", q.Timestamp)
		}
		return q.found(p.log.OffsetForTimestamp(q.Timestamp, upTo))
	}
	return nil
}

// shown returns the partition that q asks about, after checking its leader epoch, and the end of what q may see of it.
func (o *Offsets) shown(ctx context.Context, q *OffsetQuery) (p *Partition, v view, upTo int64, err error) {
	if !q.AnyReplica {
		if p, v, err = o.leader(ctx, q.Topic, q.Partition, q.CurrentLeaderEpoch, partition.NoEpoch); err == nil {
			upTo, err = v.readable(q.ReadCommitted)
		}
		return p, v, upTo, err
	}
	if p, v, err = o.replica(ctx, q.Topic, q.Partition, partition.NoEpoch); err == nil {
		err = v.checkEpoch(q.CurrentLeaderEpoch)
	}
	return p, v, v.durable, err
}

// found fills in the answer of a search for a record, if ok.
func (q *OffsetQuery) found(at ports.TimestampOffset, ok bool, err error) error {
	if ok && err == nil {
		q.Offset, q.AtTimestamp, q.LeaderEpoch = at.Offset, at.Timestamp, at.LeaderEpoch
	}
	return err
}

// leader returns the partition that a query is about, and its view for the epoch asked. It checks the client's leader
// epoch as view.checkLeader does.
func (o *Offsets) leader(ctx context.Context, topic string, index, leaderEpoch, asked int32) (*Partition, view, error) {
	p, v, err := o.replica(ctx, topic, index, asked)
	if err == nil {
		err = v.checkLeader(leaderEpoch)
	}
	return p, v, err
}

// replica is leader without the check: this broker's replica may be a follower.
func (o *Offsets) replica(ctx context.Context, topic string, index, asked int32) (*Partition, view, error) {
	p, err := o.partitions.ReplicaByName(ctx, topic, index)
	if err != nil {
		return nil, view{}, err
	}
	v := p.view(asked)
	return p, v, v.failure
}

// EpochEnds answers the queries in place (KIP-320).
func (o *Offsets) EpochEnds(ctx context.Context, queries []EpochQuery) {
	for i := range queries {
		q := &queries[i]
		q.FoundEpoch, q.EndOffset = -1, -1
		_, v, err := o.leader(ctx, q.Topic, q.Partition, q.CurrentLeaderEpoch, q.Epoch)
		if err != nil {
			q.Err = err
			continue
		}
		q.FoundEpoch, q.EndOffset = v.askedEpoch, v.askedEnd
	}
}
