package replicas

import (
	"log/slog"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// fixture is a broker's partitions over a log store and metadata that the test controls.
type fixture struct {
	store      *porttest.Store
	logs       *porttest.Logs
	configs    *fixedConfigs
	partitions *Partitions
	produce    *Produce
	fetch      *Fetch
	offsets    *Offsets
	alignment  *alignment
}

// newFixture has one topic, "orders", with two partitions.
func newFixture(t testing.TB) *fixture {
	f := &fixture{store: porttest.NewStore(), logs: porttest.NewLogs(), configs: newFixedConfigs()}
	f.apply(t, metadata.RegisterBroker{ID: 1})
	f.apply(t, metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 2, ReplicationFactor: 1})
	f.apply(t, metadata.InitCluster{ClusterID: "cluster"})
	f.partitions = NewPartitions(f.store, f.logs, f.configs, 1, 1, NewEndlessLease(time.Now), nil, time.Now,
		slog.New(slog.DiscardHandler))
	f.produce = NewProduce(f.partitions, record.NewBudget(1<<20), time.Now)
	f.fetch = NewFetch(f.partitions, f.configs, 64<<20, time.Now)
	f.offsets = NewOffsets(f.partitions)
	f.alignment = newAlignment(f.partitions)
	f.alignment.img = f.store.Image()
	return f
}

func (f *fixture) apply(t testing.TB, cmd metadata.Command) {
	t.Helper()
	if _, err := f.store.Apply(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
}

// follow applies the newest metadata to the partitions, and returns when that is done.
func (f *fixture) follow(t *testing.T) { f.followTo(t, f.store.Image()) }

// followTo is follow for an image that may be behind.
func (f *fixture) followTo(t *testing.T, img *metadata.Image) {
	f.alignment.follow(img)
	f.keepUp(t)
}

// keepUp runs the tasks of the upkeep, one after the other.
func (f *fixture) keepUp(t *testing.T) {
	for u := f.partitions.upkeep; ; {
		due, _ := u.begin()
		if len(due) == 0 {
			return
		}
		for _, task := range due {
			u.finish(task, u.do(t.Context(), task))
		}
	}
}

// send starts a produce of one batch to orders-0 and returns it with a channel that is closed when it is answered.
func (f *fixture) send(t *testing.T, b []byte) (*ProduceRequest, <-chan struct{}) {
	t.Helper()
	done := make(chan struct{})
	req := &ProduceRequest{
		Acks: -1, Parse: parseProduced, Partitions: []ProducePartition{{Topic: "orders", Records: b}},
		Done: func() { close(done) },
	}
	f.produce.Produce(t.Context(), req)
	return req, done
}

// sent is send, and waits for the answer.
func (f *fixture) sent(t *testing.T, b []byte) *ProducePartition {
	t.Helper()
	req, done := f.send(t, b)
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("a produce is not answered")
	}
	return &req.Partitions[0]
}

// parseProduced accepts what version 9 of Produce accepts.
func parseProduced(records []byte) (record.Batch, error) { return record.ParseProduced(records, 9) }

// newBatch builds a batch of records with these values.
func newBatch(t *testing.T, o record.Options, values ...string) []byte {
	t.Helper()
	b := record.NewBuilder(o)
	for _, v := range values {
		b.Append(time.Now().UnixMilli(), []byte("key"), []byte(v))
	}
	batch, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// fixedConfigs are the defaults of Kafka, with what the test changes.
type fixedConfigs struct {
	topic brokerconfigs.TopicConfig
	ints  map[string]int64
	texts map[string]string
	// throttle, if there is one, adds what the topic's own configs say of throttled replicas.
	throttle func(of *brokerconfigs.TopicConfig, own map[string]string)
}

func newFixedConfigs() *fixedConfigs {
	return &fixedConfigs{
		topic: brokerconfigs.TopicConfig{
			MaxMessageBytes: 1 << 20, TimestampBeforeMax: 1<<63 - 1, TimestampAfterMax: time.Hour.Milliseconds(),
			CompressionType: "producer",
			Log:             ports.LogConfig{Delete: true, SegmentBytes: 1 << 30},
		},
		ints: map[string]int64{
			"max.incremental.fetch.session.cache.slots": 1000, "fetch.max.bytes": 57671680,
			"replication.quota.window.num": 11, "replication.quota.window.size.seconds": 1,
		},
	}
}

func (c *fixedConfigs) Topic(own map[string]string) brokerconfigs.TopicConfig {
	t := c.topic
	if c.throttle != nil {
		c.throttle(&t, own)
	}
	return t
}
func (c *fixedConfigs) Int(key string) int64     { return c.ints[key] }
func (c *fixedConfigs) String(key string) string { return c.texts[key] }
