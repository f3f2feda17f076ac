package kafkaproto

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakes stand in for the services. What a test does not set, does nothing.
type fakes struct {
	image   atomic.Pointer[metadata.Image]
	ints    map[string]int64
	produce func(*replicas.ProduceRequest)
	fetch   func(context.Context, *replicas.FetchRequest) *replicas.FetchResponse
	join    func(context.Context, classic.JoinRequest) classic.JoinResponse

	creating  func(context.Context) error
	describe  func(group string) classic.Description
	offsets   func(asked []group.TopicPartition) []group.FetchedOffset
	producers []partition.Producer

	elect      func([]controller.Election, bool)
	reassign   func([]controller.Reassignment, bool)
	unregister func(int32) error
	quorum     func() (controller.QuorumDescription, error)
	voters     Voters
	controller Controller

	committed *group.CommitRequest
	created   []topics.NewTopic
	groupErr  error
}

// Every service that a test does not replace.
type (
	fakeTopics      struct{ *fakes }
	fakeConfigs     struct{ *fakes }
	fakeMetadata    struct{ *fakes }
	fakeFeatures    struct{ *fakes }
	fakeProducerIDs struct{ *fakes }
	fakePartitions  struct{ *fakes }
	fakeAssignments struct{ *fakes }
	fakeQuorum      struct{ *fakes }
	fakeProduce     struct{ *fakes }
	fakeFetch       struct{ *fakes }
	fakeOffsets     struct{ *fakes }
	fakeGroups      struct{ *fakes }
)

func (f *fakes) services() Services {
	return Services{
		Topics: fakeTopics{f}, Configs: fakeConfigs{f}, Produce: fakeProduce{f}, Fetch: fakeFetch{f},
		Metadata:    fakeMetadata{f},
		Features:    fakeFeatures{f},
		ProducerIDs: fakeProducerIDs{f},
		Partitions:  fakePartitions{f},
		Offsets:     fakeOffsets{f},
		Groups:      fakeGroups{f},
		Assignments: fakeAssignments{f},
		Quorum:      fakeQuorum{f},
		Voters:      f.voters,
		Controller:  f.controller,
	}
}

func (f *fakes) apply(t testing.TB, cmd metadata.Command) {
	t.Helper()
	img, _, err := metadata.Apply(f.image.Load(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	f.image.Store(img)
}

// newFakes has the topics orders, with 3 partitions, and logs, with one.
func newFakes(t testing.TB) *fakes {
	f := &fakes{ints: map[string]int64{
		"socket.request.max.bytes":         1 << 20,
		"connections.max.idle.ms":          600_000,
		"max.connections":                  1 << 31,
		"max.connections.per.ip":           1 << 31,
		"max.request.partition.size.limit": 2000,
	}}
	f.image.Store(new(metadata.Image))
	f.apply(t, metadata.InitCluster{ClusterID: "a-cluster"})
	f.apply(t, metadata.RegisterBroker{ID: 1, Rack: "r1"})
	f.apply(t, metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 3, ReplicationFactor: 1})
	f.apply(t, metadata.CreateTopic{Name: "logs", ID: metadata.TopicID{2}, Partitions: 1, ReplicationFactor: 1})
	return f
}

func (f fakeTopics) Create(ctx context.Context, n topics.NewTopic) (*metadata.Topic, error) {
	if f.creating != nil {
		return nil, f.creating(ctx)
	}
	f.created = append(f.created, n)
	partitions := make([]metadata.Partition, min(max(n.Partitions, 1), 10))
	return &metadata.Topic{Name: n.Name, ID: metadata.TopicID{9}, Partitions: partitions}, nil
}

func (f fakeTopics) AutoCreate(_ context.Context, name string) (*metadata.Topic, bool, error) {
	if err := metadata.ValidateTopicName(name); err != nil {
		return nil, false, err
	}
	return nil, false, fault.UnknownTopicOrPartition
}

func (f fakeTopics) Delete(_ context.Context, name string, id metadata.TopicID) (*metadata.Topic, error) {
	img := f.image.Load()
	if t, ok := img.Topic(name); ok {
		return t, nil
	}
	if t, ok := img.TopicByID(id); ok {
		return t, nil
	}
	return nil, fault.UnknownTopicOrPartition
}

func (f fakeTopics) CreatePartitions(context.Context, string, int32, [][]int32, bool) error {
	return nil
}

func (f fakeConfigs) Int(key string) int64 { return f.ints[key] }
func (f fakeConfigs) Describe(
	context.Context, brokerconfigs.ConfigResource, []string, bool, bool,
) ([]brokerconfigs.ConfigEntry, error) {
	value := "delete"
	return []brokerconfigs.ConfigEntry{{Name: "cleanup.policy", Value: &value, Source: brokerconfigs.SourceDefault}}, nil
}
func (f fakeConfigs) DescribeTopic(*metadata.Topic) []brokerconfigs.ConfigEntry { return nil }
func (f fakeConfigs) Resources(metadata.ResourceType) ([]string, error) {
	return []string{"orders"}, nil
}

func (f fakeConfigs) Replace(context.Context, brokerconfigs.ConfigResource, map[string]*string, bool) error {
	return nil
}

func (f fakeConfigs) Alter(context.Context, brokerconfigs.ConfigResource, []brokerconfigs.ConfigOp, bool) error {
	return nil
}

func (f fakeMetadata) Image() *metadata.Image { return f.image.Load() }
func (fakeMetadata) Leadership() ports.Leadership {
	return ports.Leadership{Local: true, NodeID: 1}
}

func (f fakeFeatures) Update(_ context.Context, updates []metadata.UpdateFeature, validateOnly bool) error {
	img := f.image.Load()
	for _, u := range updates {
		next, _, err := metadata.Apply(img, u)
		if err != nil {
			return err
		}
		img = next
	}
	if !validateOnly {
		f.image.Store(img)
	}
	return nil
}

func (f fakePartitions) LogDir(
	_ context.Context, wanted func(string, int32) bool,
) (ports.LogDir, []ports.LogUsage, error) {
	var logs []ports.LogUsage
	for t := range f.image.Load().Topics() {
		for i := range t.Partitions {
			if wanted(t.Name, int32(i)) {
				logs = append(logs, ports.LogUsage{Topic: t.Name, Partition: int32(i), Size: 100})
			}
		}
	}
	return ports.LogDir{Path: "/data", Total: 1000, Usable: 500}, logs, nil
}

func (f fakePartitions) Producers(context.Context, string, int32) ([]partition.Producer, error) {
	if f.producers != nil {
		return f.producers, nil
	}
	return []partition.Producer{{ID: 7, Epoch: 1, LastTimestamp: 99, CoordinatorEpoch: -1, TxnFirstOffset: -1}}, nil
}

func (f fakeProducerIDs) InitProducerID(context.Context, int64, int16) (int64, int16, error) {
	return 4000, 0, nil
}

func (f fakeAssignments) Elect(_ context.Context, elections []controller.Election, unclean bool) {
	if f.elect != nil {
		f.elect(elections, unclean)
	}
}

func (f fakeAssignments) ElectAll(ctx context.Context, unclean bool) []controller.Election {
	all := []controller.Election{{Topic: "orders", Partition: 1}, {Topic: "orders", Partition: 2}}
	f.Elect(ctx, all, unclean)
	return all
}

func (f fakeAssignments) Reassign(_ context.Context, reassignments []controller.Reassignment, keepFactor bool) {
	if f.reassign != nil {
		f.reassign(reassignments, keepFactor)
	}
}

func (f fakeAssignments) Unregister(_ context.Context, id int32) error {
	if f.unregister != nil {
		return f.unregister(id)
	}
	return nil
}

func (f fakeQuorum) Describe(context.Context, bool) (controller.QuorumDescription, error) {
	if f.quorum != nil {
		return f.quorum()
	}
	return controller.QuorumDescription{Leader: 1}, nil
}

func (f fakeProduce) Produce(_ context.Context, req *replicas.ProduceRequest) {
	if f.produce != nil {
		f.produce(req)
		return
	}
	for i := range req.Partitions {
		req.Partitions[i].BaseOffset, req.Partitions[i].LogAppendTime = 0, -1
	}
	req.Done()
}

func (f fakeFetch) Fetch(ctx context.Context, req *replicas.FetchRequest) *replicas.FetchResponse {
	if f.fetch != nil {
		return f.fetch(ctx, req)
	}
	return new(replicas.FetchResponse)
}

func (f fakeOffsets) List(_ context.Context, queries []replicas.OffsetQuery) {
	for i := range queries {
		queries[i].Offset, queries[i].AtTimestamp, queries[i].LeaderEpoch = 42, -1, 0
	}
}

func (f fakeOffsets) EpochEnds(_ context.Context, queries []replicas.EpochQuery) {
	for i := range queries {
		queries[i].FoundEpoch, queries[i].EndOffset = 0, 42
	}
}

func (f fakeOffsets) DeleteRecords(_ context.Context, queries []replicas.DeleteRecordsQuery) {
	for i := range queries {
		queries[i].LowWatermark = queries[i].Offset
	}
}

func (f fakeGroups) Find(context.Context, string) (int32, error) { return 1, f.groupErr }
func (f fakeGroups) Join(ctx context.Context, req classic.JoinRequest) classic.JoinResponse {
	if f.join != nil {
		return f.join(ctx, req)
	}
	return classic.JoinResponse{Generation: 1, MemberID: "m", Leader: "m", Protocol: "range", ProtocolType: "consumer"}
}

func (f fakeGroups) Sync(context.Context, classic.SyncRequest) classic.SyncResponse {
	return classic.SyncResponse{ProtocolType: "consumer", Protocol: "range", Assignment: []byte("a")}
}

func (f fakeGroups) Heartbeat(context.Context, classic.HeartbeatRequest) error { return f.groupErr }

func (f fakeGroups) Leave(context.Context, string, []classic.LeaveMember) error { return f.groupErr }

func (f fakeGroups) Commit(_ context.Context, req *group.CommitRequest) error {
	f.committed = req
	return f.groupErr
}

func (f fakeGroups) FetchOffsets(
	_ context.Context, _ string, asked []group.TopicPartition, _ bool,
) ([]group.FetchedOffset, error) {
	if f.offsets != nil {
		return f.offsets(asked), nil
	}
	if asked == nil {
		asked = []group.TopicPartition{{Topic: "logs"}, {Topic: "orders", Partition: 1}, {Topic: "orders", Partition: 2}}
	}
	var out []group.FetchedOffset
	for i, tp := range asked {
		out = append(out, group.FetchedOffset{
			TopicPartition: tp,
			Offset:         group.Offset{Offset: int64(10 + i), LeaderEpoch: 3},
		})
	}
	return out, f.groupErr
}

func (f fakeGroups) DeleteOffsets(_ context.Context, _ string, p []group.TopicPartition) ([]error, error) {
	return make([]error, len(p)), f.groupErr
}

func (f fakeGroups) Describe(_ context.Context, id string) classic.Description {
	if f.describe != nil {
		return f.describe(id)
	}
	return classic.Description{Group: id, State: "Dead", Err: fault.New(fault.GroupIDNotFound, "Group %s not found.", id)}
}

func (f fakeGroups) List(context.Context, []string, []string) ([]group.Listing, error) {
	return []group.Listing{{Group: "g", ProtocolType: "consumer", State: "Stable", Type: "classic"}}, f.groupErr
}
func (f fakeGroups) Delete(context.Context, string) error { return f.groupErr }

// running is a server under test.
type running struct {
	*Server
	addr string
	log  *logLines
	stop func() error // ends Run and returns what it returned
}

// ample are limits that are met only by tests that lower them.
func ample() Limits {
	return Limits{ConnectionMemory: 64 << 20, RequestMemory: 64 << 20, ResponseMemory: 64 << 20, Grace: 10 * time.Second}
}

// start runs a server over the fakes until the test ends.
func start(t testing.TB, f *fakes, change ...func(*Settings, *Server)) *running {
	t.Helper()
	lines := new(logLines)
	settings := Settings{
		Listeners: []Listener{{Name: "PLAINTEXT", Address: "127.0.0.1:0"}}, NodeID: 1, Services: f.services(),
		Logger: slog.New(lines), Limits: ample(),
	}
	for _, c := range change {
		c(&settings, nil)
	}
	s, err := New(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(&Settings{}, s)
	}
	if err := s.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	r := &running{Server: s, addr: s.Addrs()[0].String(), log: lines}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return r
}

// client is a raw connection.
type client struct {
	net.Conn
	t           testing.TB
	correlation int32
}

func (r *running) dial(t testing.TB) *client {
	t.Helper()
	nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return &client{Conn: nc, t: t}
}

func frameOf(req kmsg.Request, correlation int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("tester")).AppendRequest(nil, req, correlation)
}

// send writes a request and returns its correlation id.
func (c *client) send(req kmsg.Request) int32 {
	c.t.Helper()
	c.correlation++
	c.write(frameOf(req, c.correlation))
	return c.correlation
}

func (c *client) write(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// receive reads the answer to a request.
func receive[R kmsg.Response](c *client, req kmsg.Request, correlation int32) R {
	c.t.Helper()
	body := c.receiveRaw()
	if got := int32(binary.BigEndian.Uint32(body)); got != correlation {
		c.t.Fatalf("an answer has correlation id %d, want %d", got, correlation)
	}
	body = body[4:]
	resp := req.ResponseKind()
	if resp.IsFlexible() && resp.Key() != apiVersionsKey {
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		c.t.Fatalf("%T version %d: %v", resp, resp.GetVersion(), err)
	}
	if again := resp.AppendTo(nil); len(again) != len(body) {
		c.t.Fatalf("%T version %d: %d bytes, of which kmsg knows %d", resp, resp.GetVersion(), len(body), len(again))
	}
	return resp.(R)
}

// ask sends a request and reads its answer.
func ask[R kmsg.Response](c *client, req kmsg.Request) R {
	c.t.Helper()
	return receive[R](c, req, c.send(req))
}

// receiveRaw reads one frame.
func (c *client) receiveRaw() []byte {
	c.t.Helper()
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		c.t.Fatalf("read an answer: %v", err)
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		c.t.Fatalf("read an answer: %v", err)
	}
	return body
}

// wantClosed fails unless the server closes the connection without another byte.
func (c *client) wantClosed() {
	c.t.Helper()
	n, err := c.Read(make([]byte, 100))
	if n > 0 || err == nil {
		c.t.Fatalf("%d bytes came, want the connection closed", n)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}

// eventually waits until what holds, which only other goroutines can make hold.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within 15 s", what)
		case <-tick.C:
		}
	}
}
