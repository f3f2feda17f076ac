package replicas

import (
	"context"
	"iter"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/quota"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
	"github.com/chronik-stream/chronik/internal/pause"
)

// ring is a cluster in one process and in virtual time: brokers with logs in memory that share their metadata and
// fetch from each other without a network. Broker n is registered under epoch n. Topic "orders" has one
// partition, on brokers 1, 2 and 3.
type ring struct {
	t       *testing.T
	store   *porttest.Store
	brokers []*ringBroker
	created byte // topics; their ids count up

	leaderRate, followerRate atomic.Int64 // of throttled replicas, on each broker

	mu    sync.Mutex
	asked map[int32]int // fetches of other brokers, by the broker that was asked
}

// ringBroker is one of them. While it is cut off it sees no new metadata, changes none, and reaches no other broker.
type ringBroker struct {
	*ring
	id         int32
	logs       *porttest.Logs
	configs    *fixedConfigs
	lease      *Lease
	partitions *Partitions
	produce    *Produce
	fetch      *Fetch
	offsets    *Offsets
	// the image that it sees while it is cut off, nil otherwise
	cut      *metadata.Image
	fetched  atomic.Int64                                                  // bytes of records, from its leaders
	applying atomic.Pointer[func(context.Context, metadata.Command) error] // its error is Apply's, if it has one
}

const (
	ringLag     = 2 * time.Second
	ringSession = 2 * time.Second
)

// inRing runs test with so many brokers.
func inRing(t *testing.T, brokers int32, test func(t *testing.T, r *ring)) {
	inRacks(t, make([]string, brokers), test)
}

// inRacks runs test with a broker in each of these racks; "" is none.
func inRacks(t *testing.T, racks []string, test func(t *testing.T, r *ring)) {
	brokers := int32(len(racks))
	synctest.Test(t, func(t *testing.T) {
		r := &ring{t: t, store: porttest.NewStore(), asked: map[int32]int{}}
		r.throttle(math.MaxInt64, math.MaxInt64)
		for id := int32(1); id <= brokers; id++ {
			r.apply(metadata.RegisterBroker{ID: id, Rack: racks[id-1]})
		}
		ctx, cancel := context.WithCancel(t.Context())
		var working sync.WaitGroup
		for id := int32(1); id <= brokers; id++ {
			r.brokers = append(r.brokers, r.begin(ctx, &working, id))
		}
		r.create("orders", 1)
		synctest.Wait() // no broker reads any more what the test may set up
		test(t, r)
		cancel()
		for _, b := range r.brokers {
			b.partitions.Close()
		}
		working.Wait()
	})
}

func (r *ring) begin(ctx context.Context, working *sync.WaitGroup, id int32) *ringBroker {
	b := &ringBroker{ring: r, id: id, logs: porttest.NewLogs(), configs: newFixedConfigs(), lease: NewLease(time.Now)}
	b.configs.topic.MinInSyncReplicas = 2
	maps.Copy(b.configs.ints, map[string]int64{
		"replica.lag.time.max.ms": ringLag.Milliseconds(), "request.timeout.ms": 30_000, "replica.fetch.wait.max.ms": 500,
		"replica.fetch.min.bytes": 1, "replica.fetch.response.max.bytes": 10 << 20, "replica.fetch.max.bytes": 1 << 20,
		"replica.socket.timeout.ms":    30_000,
		"group.min.session.timeout.ms": 6000, "group.max.session.timeout.ms": 1800000,
		"group.initial.rebalance.delay.ms": 100, "group.max.size": 1 << 31,
		"offsets.retention.minutes": 10080, "offsets.retention.check.interval.ms": 600000,
		"offset.metadata.max.bytes": 4096, "offsets.commit.timeout.ms": 5000,
	})
	if at, _ := r.store.Image().Broker(id); at.Rack != "" {
		b.configs.texts = map[string]string{"replica.selector.class": rackAware}
	}
	b.configs.throttle = func(of *brokerconfigs.TopicConfig, own map[string]string) {
		throttled := func(key string) quota.Replicas { return quota.ReplicasOn(id, strings.Split(own[key], ",")) }
		of.LeaderThrottle = brokerconfigs.Throttle{
			Replicas: throttled("leader.replication.throttled.replicas"),
			Rate:     r.leaderRate.Load(),
		}
		of.FollowerThrottle = brokerconfigs.Throttle{
			Replicas: throttled("follower.replication.throttled.replicas"),
			Rate:     r.followerRate.Load(),
		}
	}
	log := slog.New(slog.DiscardHandler)
	b.partitions = NewPartitions(b, b.logs, b.configs, id, int64(id), b.lease, nil, time.Now, log)
	b.produce, b.offsets = NewProduce(b.partitions, record.NewBudget(1<<20), time.Now), NewOffsets(b.partitions)
	b.fetch = NewFetch(b.partitions, b.configs, 1<<20, time.Now)
	replication := NewReplication(b.partitions, b, b, b.configs, log)
	b.lease.Renew(b.lease.Now(), ringSession)
	working.Go(func() { _ = b.partitions.Run(ctx) })
	working.Go(func() { _ = replication.Run(ctx) })
	working.Go(func() {
		for ctx.Err() == nil {
			if !b.isCut() {
				b.lease.Renew(b.lease.Now(), ringSession)
			}
			pause.For(ctx, 200*time.Millisecond)
		}
	})
	return b
}

// broker returns the broker with that id.
func (r *ring) broker(id int32) *ringBroker { return r.brokers[id-1] }

func (r *ring) apply(cmd metadata.Command) {
	r.t.Helper()
	if _, err := r.store.Apply(r.t.Context(), cmd); err != nil {
		r.t.Fatal(err)
	}
}

// create makes a topic of one partition on brokers 1, 2 and 3, in that order from the leader on.
func (r *ring) create(topic string, leader int32) {
	r.t.Helper()
	replicas := []int32{1, 2, 3}
	at := slices.Index(replicas, leader)
	replicas = slices.Concat(replicas[at:], replicas[:at])
	r.created++
	r.apply(metadata.CreateTopic{
		Name: topic, ID: metadata.TopicID{r.created}, Partitions: -1, ReplicationFactor: -1,
		Assignments: [][]int32{replicas},
	})
}

// throttle sets the rates of throttled replicas.
func (r *ring) throttle(leader, follower int64) {
	r.leaderRate.Store(leader)
	r.followerRate.Store(follower)
	for _, b := range r.brokers {
		b.partitions.Reconfigure()
	}
}

// at returns what metadata says of a topic's partition.
func (r *ring) at(topic string) metadata.Partition {
	t, _ := r.store.Image().Topic(topic)
	return t.Partitions[0]
}

// isolate cuts a broker off, heal connects it again.
func (r *ring) isolate(id int32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broker(id).cut = r.store.Image()
}

func (r *ring) heal(id int32) {
	r.mu.Lock()
	r.broker(id).cut = nil
	r.mu.Unlock()
	r.store.Tell()
}

func (b *ringBroker) isCut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cut != nil
}

// Image implements ports.MetadataStore, as do the methods below.
func (b *ringBroker) Image() *metadata.Image {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cut != nil {
		return b.cut
	}
	return b.store.Image()
}

func (b *ringBroker) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	if b.isCut() {
		return metadata.Result{}, fault.NotController
	}
	if ask := b.applying.Load(); ask != nil {
		if err := (*ask)(ctx, cmd); err != nil {
			return metadata.Result{}, err
		}
	}
	return b.store.Apply(ctx, cmd)
}

func (b *ringBroker) Watch(ctx context.Context) iter.Seq[*metadata.Image] {
	return func(yield func(*metadata.Image) bool) {
		for range b.store.Watch(ctx) {
			if !yield(b.Image()) {
				return
			}
		}
	}
}

func (b *ringBroker) Barrier(context.Context) error { return nil }
func (b *ringBroker) Leadership() ports.Leadership  { return ports.Leadership{NodeID: 1} }
func (b *ringBroker) Close() error                  { return nil }

// Fetch implements ports.ReplicaFetcher by the other broker's service.
func (b *ringBroker) Fetch(ctx context.Context, node int32, req ports.ReplicaFetch) ([]ports.ReplicaFetched, error) {
	b.mu.Lock()
	b.asked[node]++
	b.mu.Unlock()
	other := b.broker(node)
	if b.isCut() || other.isCut() {
		return nil, fault.BrokerNotAvailable
	}
	ask := &FetchRequest{
		MaxWait: req.MaxWait, MinBytes: req.MinBytes, MaxBytes: req.MaxBytes, UsesTopicIDs: true, SessionEpoch: -1,
		Follower: &Follower{ID: b.id, Epoch: req.BrokerEpoch},
	}
	for _, p := range req.Partitions {
		ask.Partitions = append(ask.Partitions, FetchPartition{
			FetchTarget: FetchTarget{TopicID: p.TopicID, Partition: p.Partition}, Offset: p.Offset, MaxBytes: p.MaxBytes,
			CurrentLeaderEpoch: p.LeaderEpoch, LastFetchedEpoch: p.LastEpoch, LogStartOffset: p.LogStart,
		})
	}
	resp := other.fetch.Fetch(ctx, ask)
	defer resp.Release()
	if ctx.Err() != nil || b.isCut() || other.isCut() {
		return nil, context.Cause(ctx)
	}
	var all []ports.ReplicaFetched
	for i := range resp.Partitions {
		at := &resp.Partitions[i]
		got := ports.ReplicaFetched{
			TopicID: at.TopicID, Partition: at.Partition, Err: at.Err, HighWatermark: at.HighWatermark,
			LogStart: at.LogStartOffset,
			Records:  make([]byte, at.Records.Size),
		}
		if err := at.Records.ReadInto(got.Records); err != nil {
			return nil, err
		}
		if d := at.Diverging; d != nil {
			got.Diverging, got.DivergingEpoch, got.DivergingEnd = true, d.Epoch, d.EndOffset
		}
		all = append(all, got)
		b.fetched.Add(int64(len(got.Records)))
	}
	return all, resp.Err
}

// fetches returns how often a broker was asked.
func (r *ring) fetches(id int32) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[id]
}

// send begins to produce one record, and returns a channel that gets the answer.
func (b *ringBroker) send(topic string, acks int16, values ...string) <-chan error {
	b.t.Helper()
	return b.sendWithin(time.Minute, topic, acks, values...)
}

// sendWithin is send with a time-out.
func (b *ringBroker) sendWithin(timeout time.Duration, topic string, acks int16, values ...string) <-chan error {
	b.t.Helper()
	answer := make(chan error, 1)
	req := &ProduceRequest{Acks: acks, Timeout: timeout, Parse: parseProduced}
	req.Partitions = []ProducePartition{{Topic: topic, Records: newBatch(b.t, record.Options{}, values...)}}
	req.Done = func() { answer <- req.Partitions[0].Err }
	b.produce.Produce(b.t.Context(), req)
	return answer
}

// answered returns the answer and how long it took, at most a minute.
func answered(t *testing.T, answer <-chan error) (took time.Duration, err error) {
	t.Helper()
	began := time.Now()
	select {
	case err = <-answer:
		return time.Since(began), err
	case <-time.After(time.Minute):
		t.Fatal("there is no answer")
		return 0, nil
	}
}

// sent produces one batch with acks=all.
func (b *ringBroker) sent(topic string, values ...string) {
	b.t.Helper()
	if _, err := answered(b.t, b.send(topic, -1, values...)); err != nil {
		b.t.Fatalf("produce %s: %v", values, err)
	}
}

// values returns the values of the records in a broker's log.
func (b *ringBroker) values(topic string) (values []string) {
	b.t.Helper()
	l := b.logs.Log(topic, 0)
	if l == nil {
		return nil
	}
	for _, batch := range l.Batches() {
		for r, err := range batch.Records(record.Limits{}) {
			if err != nil {
				b.t.Fatal(err)
			}
			values = append(values, string(r.Value))
		}
	}
	return values
}

// agree waits until the ISR is isr and its logs hold the values.
func (r *ring) agree(topic string, isr []int32, values ...string) {
	r.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		got := slices.Sorted(slices.Values(r.at(topic).ISR))
		differs := []string{cmp.Diff(isr, got)}
		for _, id := range isr {
			differs = append(differs, cmp.Diff(values, r.broker(id).values(topic)))
		}
		if strings.Join(differs, "") == "" {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%+v and the logs of its replicas (-want +got):\n%s", r.at(topic), strings.Join(differs, "\n"))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
