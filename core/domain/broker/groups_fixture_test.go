package broker

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// slowLog is a GroupLog in memory on which batches become durable after delay, one like the other.
type slowLog struct {
	delay     time.Duration
	readDelay time.Duration

	mu      sync.Mutex
	batches map[int32][]record.Batch // durable or on their way, in order
	durable map[int32]int            // how many of them are durable
	refuse  error                    // of Start
	lose    error                    // of wait: what is on its way is lost
	unread  error                    // of Read
	damaged map[int32]error          // of Read, by partition
	starts  int
	reads   int
	epoch   int32 // in which this broker leads all partitions
	deposed error // of LeaderEpoch and Start
	deleted []metadata.TopicID
}

func newSlowLog(delay time.Duration) *slowLog {
	return &slowLog{delay: delay, batches: map[int32][]record.Batch{}, durable: map[int32]int{}}
}

func (l *slowLog) LeaderEpoch(context.Context, string, int32) (int32, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch, l.deposed
}

func (l *slowLog) Start(_ context.Context, topic metadata.TopicID, p, epoch int32, b record.Batch) (func(context.Context) error, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.starts++
	if l.deposed != nil || epoch != l.epoch || slices.Contains(l.deleted, topic) {
		return nil, fault.NotLeaderOrFollower
	}
	if l.refuse != nil {
		return nil, l.refuse
	}
	l.batches[p] = append(l.batches[p], b)
	place := len(l.batches[p])
	ready := time.Now().Add(l.delay)
	return func(ctx context.Context) error {
		if pause(ctx, time.Until(ready)); ctx.Err() != nil {
			return ctx.Err()
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.lose != nil {
			l.batches[p] = l.batches[p][:l.durable[p]]
			return l.lose
		}
		l.durable[p] = max(l.durable[p], place)
		return nil
	}, nil
}

func (l *slowLog) Read(ctx context.Context, _ string, p int32, _ int64, visit func(record.Batch) error) error {
	l.mu.Lock()
	l.reads++
	delay := l.readDelay
	l.mu.Unlock()
	if pause(ctx, delay); ctx.Err() != nil {
		return ctx.Err()
	}
	l.mu.Lock()
	err, batches := cmp.Or(l.unread, l.damaged[p]), slices.Clone(l.batches[p][:l.durable[p]])
	l.mu.Unlock()
	if err != nil {
		return err
	}
	for _, b := range batches {
		if err := visit(b); err != nil {
			return err
		}
	}
	return nil
}

func (l *slowLog) set(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// records returns the durable records of a group.
func (l *slowLog) records(t *testing.T, groupID string) (out []group.Record) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	p := group.PartitionFor(groupID, 50)
	for _, b := range l.batches[p][:l.durable[p]] {
		if err := b.VerifyCRC(); err != nil {
			t.Fatal(err)
		}
		for r, err := range b.Records(record.Limits{}) {
			if err != nil {
				t.Fatal(err)
			}
			decoded, err := group.Decode(r.Key, r.Value)
			if err != nil {
				t.Fatal(err)
			}
			switch d := decoded.(type) {
			case group.OffsetRecord:
				if d.Group == groupID {
					out = append(out, d)
				}
			case group.MetadataRecord:
				if d.Group == groupID {
					out = append(out, d)
				}
			}
		}
	}
	return out
}

// groupsFixture is a coordinator that runs in a synctest bubble.
type groupsFixture struct {
	*Groups
	t       *testing.T
	log     *slowLog
	store   *watchedStore
	configs *fixedConfigs
	stop    func() // ends Run and waits for it; may be called again
}

// runGroups runs f in a bubble with a coordinator over log.
func runGroups(t *testing.T, log *slowLog, f func(t *testing.T, g *groupsFixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newGroupsFixture(t, log)
		defer g.stop()
		f(t, g)
	})
}

func newGroupsFixture(t *testing.T, log *slowLog) *groupsFixture {
	store := &watchedStore{changed: make(chan struct{})}
	store.image.Store(&metadata.Image{})
	for _, cmd := range []metadata.Command{
		metadata.RegisterBroker{ID: 1},
		metadata.CreateTopic{Name: metadata.OffsetsTopic, ID: metadata.TopicID{9}, Partitions: 50, ReplicationFactor: 1},
		metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 4, ReplicationFactor: 1},
	} {
		if _, err := store.Apply(t.Context(), cmd); err != nil {
			t.Fatal(err)
		}
	}
	configs := newFixedConfigs()
	configs.ints = map[string]int64{
		"group.min.session.timeout.ms": 6000, "group.max.session.timeout.ms": 1800000, "group.initial.rebalance.delay.ms": 3000,
		"group.max.size": 1 << 31, "offsets.retention.minutes": 10080, "offsets.retention.check.interval.ms": 600000,
		"offset.metadata.max.bytes": 4096, "offsets.commit.timeout.ms": 5000,
	}
	return startGroups(t, log, store, configs)
}

// watchedStore is a memStore whose images can be watched.
type watchedStore struct {
	memStore
	mu      sync.Mutex
	changed chan struct{} // closed with the next command
}

func (s *watchedStore) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	res, err := s.memStore.Apply(ctx, cmd)
	s.tell()
	return res, err
}

// tell wakes who watches.
func (s *watchedStore) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *watchedStore) Watch(ctx context.Context) iter.Seq[*metadata.Image] {
	return func(yield func(*metadata.Image) bool) {
		for {
			s.mu.Lock()
			changed := s.changed
			s.mu.Unlock()
			if !yield(s.Image()) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

func startGroups(t *testing.T, log *slowLog, store *watchedStore, configs *fixedConfigs) *groupsFixture {
	ctx, cancel := context.WithCancel(context.Background())
	g := &groupsFixture{t: t, log: log, store: store, configs: configs}
	random := &lockedReader{r: rand.NewChaCha8([32]byte{1})}
	g.Groups = NewGroups(log, existingTopics{&store.memStore}, configs, store, 1, 1<<30, time.Now, random, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return g
}

// restart stops the coordinator and starts another on the same log and metadata.
func (g *groupsFixture) restart() *groupsFixture {
	g.stop()
	return startGroups(g.t, g.log, g.store, g.configs)
}

func (g *groupsFixture) apply(cmd metadata.Command) {
	g.t.Helper()
	if _, err := g.store.Apply(g.t.Context(), cmd); err != nil {
		g.t.Fatal(err)
	}
}

// existingTopics makes no topic.
type existingTopics struct{ store *memStore }

func (e existingTopics) EnsureInternal(_ context.Context, name string) (*metadata.Topic, error) {
	if t, ok := e.store.Image().Topic(name); ok {
		return t, nil
	}
	return nil, fault.UnknownTopicOrPartition
}

type lockedReader struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

func joinRequest(groupID, memberID, instanceID string) group.JoinRequest {
	return group.JoinRequest{
		Group: groupID, MemberID: memberID, InstanceID: instanceID, ProtocolType: "consumer",
		Protocols:      []group.Protocol{{Name: "range", Metadata: []byte("\x00\x01\x00\x00\x00\x01\x00\x06orders\xff\xff\xff\xff")}},
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second, Client: group.Client{ID: "c", Host: "/127.0.0.1"},
	}
}

// form brings n dynamic members into a stable group and returns their ids; the first leads. Each one's assignment
// is its position.
func (g *groupsFixture) form(groupID string, n int) (ids []string, generation int32) {
	g.t.Helper()
	joins := make([]group.JoinResponse, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { joins[i] = g.Join(g.t.Context(), joinRequest(groupID, "", "")) })
	}
	wg.Wait()
	for i, r := range joins {
		if r.Err != nil {
			g.t.Fatalf("join: %v", r.Err)
		}
		if r.MemberID == r.Leader {
			joins[0], joins[i] = joins[i], joins[0]
		}
	}
	assignments := map[string][]byte{}
	for i, r := range joins {
		ids = append(ids, r.MemberID)
		assignments[r.MemberID] = []byte{byte(i)}
	}
	for i, r := range joins {
		wg.Go(func() {
			req := group.SyncRequest{Group: groupID, MemberID: r.MemberID, Generation: r.Generation}
			if i == 0 {
				req.Assignments = assignments
			}
			if s := g.Sync(g.t.Context(), req); s.Err != nil || !bytes.Equal(s.Assignment, []byte{byte(i)}) {
				g.t.Errorf("sync of %d: %+v", i, s)
			}
		})
	}
	wg.Wait()
	return ids, joins[0].Generation
}

func commitOf(groupID, memberID string, generation int32, offsets ...int64) *group.CommitRequest {
	req := &group.CommitRequest{Group: groupID, MemberID: memberID, Generation: generation, Retention: -1}
	for p, o := range offsets {
		req.Offsets = append(req.Offsets, group.OffsetCommit{
			TopicPartition: group.TopicPartition{Topic: "orders", Partition: int32(p)}, Offset: group.Offset{Offset: o, LeaderEpoch: -1},
		})
	}
	return req
}

// committed returns the committed offset of orders-0, -1 for none.
func (g *groupsFixture) committed(groupID string) int64 {
	g.t.Helper()
	got, err := g.FetchOffsets(g.t.Context(), groupID, []group.TopicPartition{{Topic: "orders"}}, false)
	if err != nil || len(got) != 1 {
		g.t.Fatalf("FetchOffsets() = %+v, %v", got, err)
	}
	return got[0].Offset.Offset
}

func (g *groupsFixture) kind(err error, want fault.Kind) {
	g.t.Helper()
	if got := fault.KindOf(err); got != want {
		g.t.Fatalf("error %v, want %v", err, want)
	}
}

// neighbours returns n group ids that live in the same partition.
func neighbours(n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		if id := fmt.Sprint("group-", i); group.PartitionFor(id, 50) == 7 {
			ids = append(ids, id)
		}
	}
	return ids
}
