package replicas

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

func TestProduceIsAnsweredWhenItIsDurable(t *testing.T) {
	f := newFixture(t)
	f.logs.Hold()
	first, firstDone := f.send(t, newBatch(t, record.Options{}, "a", "b"))
	second, secondDone := f.send(t, newBatch(t, record.Options{}, "c"))
	select {
	case <-firstDone:
		t.Fatal("answered before it was durable")
	case <-secondDone:
		t.Fatal("answered before it was durable")
	default:
	}
	f.logs.Release()
	<-firstDone
	<-secondDone
	if first.Partitions[0].BaseOffset != 0 || second.Partitions[0].BaseOffset != 2 {
		t.Errorf("base offsets %d and %d, want 0 and 2", first.Partitions[0].BaseOffset, second.Partitions[0].BaseOffset)
	}
}

func TestProduceRepeatedByAnIdempotentProducerIsAnsweredWithTheOldOffset(t *testing.T) {
	f := newFixture(t)
	of := func(sequence int32, value string) []byte {
		return newBatch(t, record.Options{Producer: &record.Producer{ID: 7, Epoch: 0, Sequence: sequence}}, value)
	}
	f.logs.Hold()
	_, firstDone := f.send(t, of(0, "a"))
	again, againDone := f.send(t, of(0, "a"))
	select {
	case <-againDone:
		t.Fatal("the repetition was answered before the original was durable")
	default:
	}
	f.logs.Release()
	<-firstDone
	<-againDone
	if got := again.Partitions[0]; got.Err != nil || got.BaseOffset != 0 {
		t.Errorf("the repetition was answered %d, %v", got.BaseOffset, got.Err)
	}
	got, batchTime := again.Partitions[0].LogAppendTime, record.Batch(of(0, "a")).MaxTimestamp()
	if got < batchTime-time.Minute.Milliseconds() || got > batchTime {
		t.Errorf("the repetition has the time %d, want the batch's, about %d", got, batchTime)
	}
	if got := f.sent(t, of(5, "gap")); !errors.Is(got.Err, fault.OutOfOrderSequence) || got.BaseOffset != -1 ||
		got.LogStartOffset != 0 {
		t.Errorf("a gap was answered %d, log start %d, %v", got.BaseOffset, got.LogStartOffset, got.Err)
	}
	if got := f.sent(t, of(1, "b")); got.Err != nil || got.BaseOffset != 1 {
		t.Errorf("the next batch was answered %d, %v", got.BaseOffset, got.Err)
	}
}

func TestProduceFailsWhenTheLogGoesOffline(t *testing.T) {
	f := newFixture(t)
	f.logs.Hold()
	req, done := f.send(t, newBatch(t, record.Options{}, "a"))
	f.logs.Fail(errors.New("input/output error"))
	f.logs.Release()
	<-done
	if err := req.Partitions[0].Err; !errors.Is(err, fault.KafkaStorageError) {
		t.Errorf("answered %v", err)
	}
	if got := f.sent(t, newBatch(t, record.Options{}, "b")); !errors.Is(got.Err, fault.KafkaStorageError) {
		t.Errorf("a later produce was answered %v", got.Err)
	}
	if n, _ := f.partitions.InNeed(); n != 1 {
		t.Errorf("%d partitions are offline, want 1", n)
	}
}

// After the answer, the connection reuses the buffer that holds the bytes.
func TestProduceIsNotAnsweredWhileTheLogNeedsItsBytes(t *testing.T) {
	for name, lose := range map[string]func(f *fixture, p *Partition){
		"another leads": func(_ *fixture, p *Partition) {
			p.install(partition.View{
				Leader: 2, LeaderEpoch: 7, Version: 7, Replicas: []int32{2, 1}, ISR: []int32{2, 1},
				BrokerEpoch: 1,
			})
		},
		"the partition is closed": func(_ *fixture, p *Partition) { p.end(fault.NotLeaderOrFollower) },
		"the topic is deleted": func(f *fixture, _ *Partition) {
			_ = f.partitions.drop(context.Background(), metadata.TopicID{1})
		},
		"the log fails":    func(f *fixture, _ *Partition) { f.logs.Fail(errors.New("input/output error")) },
		"the broker stops": func(f *fixture, _ *Partition) { f.partitions.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.sent(t, newBatch(t, record.Options{}, "a"))
			topic, _ := f.store.Image().Topic("orders")
			p, err := f.partitions.Leader(t.Context(), topic, 0)
			if err != nil {
				t.Fatal(err)
			}
			f.logs.Hold()
			req, done := f.send(t, newBatch(t, record.Options{}, "b"))
			lose(f, p)
			select {
			case <-done:
				t.Error("answered before the log has written the batch")
			default:
			}
			f.logs.Release()
			<-done
			if err := req.Partitions[0].Err; err == nil {
				t.Error("answered as if it had been appended")
			}
		})
	}
}

func TestProduceRefusals(t *testing.T) {
	f := newFixture(t)
	f.apply(t, metadata.CreateTopic{
		Name: metadata.OffsetsTopic, ID: metadata.TopicID{2}, Partitions: 1,
		ReplicationFactor: 1,
	})
	good := func() []byte { return newBatch(t, record.Options{}, "a") }
	for name, c := range map[string]struct {
		edit func(*ProduceRequest)
		want fault.Kind
	}{
		"unknown topic": {func(r *ProduceRequest) { r.Partitions[0].Topic = "nowhere" }, fault.UnknownTopicOrPartition},
		"unknown id": {
			func(r *ProduceRequest) { r.UsesTopicIDs, r.Partitions[0].TopicID = true, metadata.TopicID{9} },
			fault.UnknownTopicID,
		},
		"no id": {
			func(r *ProduceRequest) { r.UsesTopicIDs, r.Partitions[0].Topic = true, "" },
			fault.UnknownTopicID,
		},
		"unknown partition": {func(r *ProduceRequest) { r.Partitions[0].Partition = 2 }, fault.UnknownTopicOrPartition},
		"acks":              {func(r *ProduceRequest) { r.Acks = 3 }, fault.InvalidRequiredAcks},
		"transaction":       {func(r *ProduceRequest) { r.TransactionalID = "t" }, fault.InvalidTxnState},
		"internal topic":    {func(r *ProduceRequest) { r.Partitions[0].Topic = metadata.OffsetsTopic }, fault.InvalidTopic},
		"bad checksum": {
			func(r *ProduceRequest) { b := r.Partitions[0].Records; b[len(b)-1] ^= 1 },
			fault.CorruptMessage,
		},
		"nothing": {func(r *ProduceRequest) { r.Partitions[0].Records = nil }, fault.InvalidRecord},
	} {
		t.Run(name, func(t *testing.T) {
			answered := false
			req := &ProduceRequest{
				Acks: -1, Parse: parseProduced,
				Partitions: []ProducePartition{{Topic: "orders", Records: good()}}, Done: func() { answered = true },
			}
			c.edit(req)
			f.produce.Produce(t.Context(), req)
			if got := req.Partitions[0]; !answered || !errors.Is(got.Err, c.want) || got.BaseOffset != -1 ||
				got.LogStartOffset != -1 {
				t.Errorf("answered %t: %d, log start %d, %v, want %v", answered, got.BaseOffset, got.LogStartOffset, got.Err,
					c.want)
			}
		})
	}
}

func TestProduceFromManyConnectionsLeavesNoGapAndNoTwin(t *testing.T) {
	f := newFixture(t)
	const senders, each = 8, 100
	var mu sync.Mutex
	seen := make(map[int64]bool)
	var all sync.WaitGroup
	for range senders {
		all.Go(func() {
			for range each {
				got := f.sent(t, newBatch(t, record.Options{}, "x"))
				mu.Lock()
				if got.Err != nil || seen[got.BaseOffset] {
					t.Errorf("offset %d twice, or %v", got.BaseOffset, got.Err)
				}
				seen[got.BaseOffset] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for o := range int64(senders * each) {
		if !seen[o] {
			t.Fatalf("no record was put at %d", o)
		}
	}
}

// As in Kafka (test/differential compares all of it): a batch that is too large as it was sent is MESSAGE_TOO_LARGE in
// any case, so that producers split it; segment.bytes applies to what is written.
func TestLimitsOfSegmentsApplyToWhatIsWritten(t *testing.T) {
	shrinks := strings.Repeat("x", 4000)
	for name, c := range map[string]struct {
		compression    string
		batch, segment int
		codec          record.Codec
		want           fault.Kind
	}{
		"larger than both":                        {"producer", 1000, 2000, record.None, fault.MessageTooLarge},
		"larger than a segment only":              {"producer", 9000, 2000, record.None, fault.RecordListTooLarge},
		"larger than a segment until compressed":  {"gzip", 9000, 2000, record.None, fault.None},
		"larger than allowed until compressed":    {"gzip", 2000, 9000, record.None, fault.MessageTooLarge},
		"larger than a segment when uncompressed": {"uncompressed", 9000, 2000, record.Gzip, fault.RecordListTooLarge},
		"larger than allowed when uncompressed":   {"uncompressed", 2000, 9000, record.Gzip, fault.MessageTooLarge},
		"larger than both when uncompressed":      {"uncompressed", 2000, 3000, record.Gzip, fault.MessageTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.configs.topic.CompressionType = c.compression
			f.configs.topic.MaxMessageBytes = c.batch
			f.configs.topic.Log.SegmentBytes = int64(c.segment)
			if got := f.sent(t, newBatch(t, record.Options{Codec: c.codec}, shrinks)); fault.KindOf(got.Err) != c.want {
				t.Errorf("answered %v, want %v", got.Err, c.want)
			}
		})
	}
}

func TestTheProducersOfADeletedTopicTakeNoMemory(t *testing.T) {
	f := newFixture(t)
	memory := partition.NewProducerMemory(1 << 20)
	f.partitions.producerMemory = memory
	f.sent(t, newBatch(t, record.Options{Producer: &record.Producer{ID: 7}}, "b"))
	if memory.Held() != 1 {
		t.Fatalf("%d producers are counted, want 1", memory.Held())
	}
	f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1}})
	f.follow(t)
	if memory.Held() != 0 {
		t.Errorf("%d producers are counted after the topic was deleted", memory.Held())
	}
}
