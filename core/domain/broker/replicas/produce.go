package replicas

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// ProduceRequest is one Produce request. The record bytes belong to the service until Done was called.
type ProduceRequest struct {
	Acks int16 // -1, 0 or 1
	// How long to wait for in-sync replicas. The answer is then fault.RequestTimedOut, at most tickInterval late.
	Timeout         time.Duration
	TransactionalID string // "" for none
	ClientID        string
	UsesTopicIDs    bool // else topics are named (KIP-516)
	Partitions      []ProducePartition
	// Parse returns the one batch in a partition's records. It checks the magic and the compression type, which depend on
	// the version of the request (KIP-110). See record.ParseProduced.
	Parse func(records []byte) (record.Batch, error)
	// Done is called once, when every partition has its answer. That may be before Produce returns. It may be called on
	// any goroutine and must not block.
	Done func()

	pending atomic.Int32 // partitions without an answer
}

// ProducePartition is one partition's share of a ProduceRequest, and its answer.
type ProducePartition struct {
	Topic     string           // "" when the request names the topic by id
	TopicID   metadata.TopicID // zero when by name
	Partition int32
	Records   []byte // one record batch; patched in place

	// The answer.
	BaseOffset int64 // -1 with an error
	// milliseconds, -1 unless the topic's timestamps are LogAppendTime; for a duplicate the timestamp of the old batch
	LogAppendTime  int64
	LogStartOffset int64 // -1 when unknown
	RecordErrors   []RecordError
	Err            error
	Leader         *LeaderHint // the actual leader, if this broker is not it (KIP-951)
}

// RecordError says which record of a batch was refused, and why (KIP-467).
type RecordError = record.RecordError

// LeaderHint names a partition's leader in the answer of a broker that is not it (KIP-951).
type LeaderHint struct {
	Leader      int32
	LeaderEpoch int32
}

// Produce is the service behind Kafka's Produce.
type Produce struct {
	partitions *Partitions
	memory     *record.Budget
	clock      ports.Clock
}

// NewProduce returns the produce service. memory bounds the decompression of large batches.
func NewProduce(partitions *Partitions, memory *record.Budget, clock ports.Clock) *Produce {
	return &Produce{partitions: partitions, memory: memory, clock: clock}
}

// Produce validates every partition's batch, appends it to its log, and returns. req.Done is called when all partitions
// have their answers.
func (p *Produce) Produce(ctx context.Context, req *ProduceRequest) {
	req.pending.Store(int32(len(req.Partitions)) + 1) // one for this function
	img := p.partitions.store.Image()
	for i := range req.Partitions {
		at := &req.Partitions[i]
		at.BaseOffset, at.LogAppendTime, at.LogStartOffset = -1, record.NoTimestamp, -1
		if err := p.appendTo(ctx, img, req, i); err != nil {
			req.acknowledge(i, err)
		}
	}
	req.countDown()
}

// appendTo appends the batch of the request's partition i to its log. It returns an error when the batch was not
// appended; otherwise the partition acknowledges it later.
func (p *Produce) appendTo(ctx context.Context, img *metadata.Image, req *ProduceRequest, i int) error {
	at := &req.Partitions[i]
	if req.Acks < -1 || req.Acks > 1 {
		return fault.New(fault.InvalidRequiredAcks, "acks %d, allowed -1, 0 and 1", req.Acks)
	}
	if req.TransactionalID != "" {
		return fault.New(fault.InvalidTxnState, "transactions are not served")
	}
	part, err := p.leader(ctx, img, req, at)
	if unknown(err) { // noted before another look, so that the partition cannot be opened in between without knowing
		p.partitions.early.note(earlyTopic{name: at.Topic, id: at.TopicID}, p.partitions.lease.Now())
		part, err = p.leader(ctx, p.partitions.store.Image(), req, at)
	}
	if err != nil {
		return err
	}
	b, err := part.admit(at, req.Parse, p.clock.Millis(), p.memory) //nolint:contextcheck // memory comes back by itself
	if err != nil {
		return err
	}
	// The acknowledgement may come before append returns, and the request belongs to the caller of Done from then on. So
	// append itself writes the answer's fields, through assign, under the partition's lock.
	err = part.append(b, ack{acks: req.Acks, done: req, slot: i}, max(req.Timeout, time.Millisecond))
	if errors.Is(err, fault.NotLeaderOrFollower) {
		at.Leader = part.leaderHint()
	}
	return err
}

// leader returns the partition, which this broker leads, and otherwise sets the answer's hint at the leader.
func (p *Produce) leader(
	ctx context.Context, img *metadata.Image, req *ProduceRequest, at *ProducePartition,
) (*Partition, error) {
	t, err := at.resolve(img, req.UsesTopicIDs)
	if err != nil {
		return nil, err
	}
	if metadata.IsInternal(t.Name) && req.ClientID != adminClient {
		return nil, fault.New(fault.InvalidTopic, "cannot append to internal topic %s", t.Name)
	}
	part, err := p.partitions.Leader(ctx, t, at.Partition)
	if errors.Is(err, fault.NotLeaderOrFollower) {
		led := t.Partitions[at.Partition]
		at.Leader = &LeaderHint{Leader: led.Leader, LeaderEpoch: led.LeaderEpoch}
	}
	return part, err
}

// adminClient is the client id that may write to internal topics, as in Kafka.
const adminClient = "__admin_client"

// resolve finds the topic by id or by name.
func (at *ProducePartition) resolve(img *metadata.Image, byID bool) (*metadata.Topic, error) {
	if byID {
		t, ok := img.TopicByID(at.TopicID)
		if !ok {
			return nil, fault.UnknownTopicID
		}
		return t, nil
	}
	t, ok := img.Topic(at.Topic)
	if !ok {
		return nil, fault.UnknownTopicOrPartition
	}
	return t, nil
}

// assign fills in the placement of a partition's batch, before it can be acknowledged.
func (req *ProduceRequest) assign(slot int, res placement) {
	at := &req.Partitions[slot]
	at.BaseOffset = res.baseOffset
	at.LogAppendTime = res.logAppendTime
	at.LogStartOffset = res.logStart
}

// acknowledge fills in the result of a partition's batch.
func (req *ProduceRequest) acknowledge(slot int, err error) {
	if err != nil {
		at := &req.Partitions[slot]
		at.Err, at.BaseOffset, at.LogAppendTime = err, -1, record.NoTimestamp
		if hidesLogStart(err) {
			at.LogStartOffset = -1
		}
	}
	req.countDown()
}

// hidesLogStart reports whether err is an error with which Kafka does not send the log start offset: one that may arise
// outside of the log.
func hidesLogStart(err error) bool {
	switch fault.KindOf(err) {
	case fault.UnknownTopicOrPartition, fault.NotLeaderOrFollower, fault.MessageTooLarge, fault.RecordListTooLarge,
		fault.CorruptMessage, fault.KafkaStorageError:
		return true
	default:
		return false
	}
}

// countDown notes one more answer, and calls Done after the last.
func (req *ProduceRequest) countDown() {
	if req.pending.Add(-1) == 0 {
		req.Done()
	}
}
