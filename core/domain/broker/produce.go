package broker

import (
	"context"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// ProduceRequest is one Produce request. The record bytes belong to the service until Done was called.
type ProduceRequest struct {
	Acks            int16 // -1, 0 or 1
	Timeout         time.Duration
	TransactionalID string // "" for none
	Version         int16  // of the API: some compression types need a minimum (KIP-110)
	Partitions      []ProducePartition
	// Done is called once, when every partition has its answer: perhaps before Produce returns, perhaps from
	// a goroutine that must not be kept waiting.
	Done func()
}

// ProducePartition is one partition's share of a ProduceRequest, and its answer.
type ProducePartition struct {
	Topic     string           // "" when the request names the topic by id
	TopicID   metadata.TopicID // zero when by name
	Partition int32
	Records   []byte // one record batch; patched in place

	// The answer.
	BaseOffset     int64 // -1 with an error
	LogAppendTime  int64 // milliseconds, -1 unless the topic's timestamps are LogAppendTime
	LogStartOffset int64 // -1 when unknown
	RecordErrors   []RecordError
	Err            error
	Leader         *LeaderHint // where the partition is led instead (KIP-951)
}

// RecordError tells which record of a batch was refused, and why (KIP-467).
type RecordError struct {
	Index   int32
	Message string
}

// LeaderHint names a partition's leader in answers that say this broker is not it (KIP-951).
type LeaderHint struct {
	Leader      int32
	LeaderEpoch int32
}

// Produce is the service behind Kafka's Produce.
type Produce struct{}

// Produce validates every partition's batch, orders it in its log, and returns; req.Done is called when all
// answers are there.
func (p *Produce) Produce(ctx context.Context, req *ProduceRequest) { panic("landing soon") }

// Append appends one batch of the broker's own making (a coordinator's records) to an internal
// topic's partition and waits until it is durable. It returns the base offset.
func (p *Produce) Append(ctx context.Context, topic string, partition int32, b record.Batch) (int64, error) {
	panic("landing soon")
}
