package broker

import "context"

// The timestamps that ListOffsets gives a meaning of their own.
const (
	LatestTimestamp        = -1
	EarliestTimestamp      = -2
	MaxTimestamp           = -3 // KIP-734
	EarliestLocalTimestamp = -4 // KIP-405
	LatestTieredTimestamp  = -5 // KIP-1005
	EarliestPendingUpload  = -6 // KIP-1023
)

// OffsetQuery asks ListOffsets about one partition; the answer stands in the second half.
type OffsetQuery struct {
	Topic              string
	Partition          int32
	CurrentLeaderEpoch int32 // -1: not checked
	Timestamp          int64 // milliseconds, or one of the constants above
	ReadCommitted      bool

	Offset      int64 // -1 when there is none
	AtTimestamp int64 // -1 when the query was not by time
	LeaderEpoch int32 // -1 when unknown
	Err         error
}

// EpochQuery asks where a leader epoch ended; the answer stands in the second half.
type EpochQuery struct {
	Topic              string
	Partition          int32
	CurrentLeaderEpoch int32 // -1: not checked
	Epoch              int32

	FoundEpoch int32 // -1: unknown
	EndOffset  int64 // -1: unknown
	Err        error
}

// DeleteRecordsQuery asks to delete what lies before Offset (-1: the high watermark).
type DeleteRecordsQuery struct {
	Topic     string
	Partition int32
	Offset    int64

	LowWatermark int64 // -1 with an error
	Err          error
}

// Offsets is the service behind ListOffsets, OffsetForLeaderEpoch and DeleteRecords.
type Offsets struct{}

// List answers the queries in place.
func (o *Offsets) List(ctx context.Context, queries []OffsetQuery) { panic("landing soon") }

// EpochEnds answers the queries in place (KIP-320).
func (o *Offsets) EpochEnds(ctx context.Context, queries []EpochQuery) { panic("landing soon") }

// DeleteRecords answers the queries in place.
func (o *Offsets) DeleteRecords(ctx context.Context, queries []DeleteRecordsQuery) {
	panic("landing soon")
}
