package chroniktest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik"
	"github.com/chronik-stream/chronik/chroniktest"
)

// aBroker is what a program does with a broker, be it one for tests.
type aBroker interface {
	Addr() string
	Addrs() []string
	Done() <-chan struct{}
	Close() error
}

var (
	_ aBroker = (*chronik.Broker)(nil)
	_ aBroker = (*chroniktest.TestBroker)(nil)
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// connect returns a client that is closed before its broker is.
func connect(t testing.TB, b *chroniktest.TestBroker, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.Addr()), kgo.AllowAutoTopicCreation()}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// within is a context for what must happen, however slow the machine is.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func produce(t testing.TB, c *kgo.Client, topic, value string) {
	t.Helper()
	if err := c.ProduceSync(within(t), &kgo.Record{Topic: topic, Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestTestsRunInParallelEachWithItsBroker(t *testing.T) {
	for _, name := range []string{"a", "b", "c", "d"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := connect(t, chroniktest.Broker(t), kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"),
				kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			produce(t, client, "orders", name)
			records := client.PollFetches(within(t)).Records()
			if len(records) != 1 || string(records[0].Value) != name {
				t.Errorf("consumed %v", records)
			}
		})
	}
}

func TestAHookAnswersInPlaceOfTheBroker(t *testing.T) {
	b := chroniktest.BrokerWith(t, chronik.Options{Topics: []chronik.Topic{{Name: "orders"}}})
	admin := kadm.NewClient(connect(t, b))
	remove := b.Hook(kmsg.ListGroups, chroniktest.Answer(func(req kmsg.Request) kmsg.Response {
		resp := req.ResponseKind().(*kmsg.ListGroupsResponse)
		resp.Groups = []kmsg.ListGroupsResponseGroup{{Group: "made up"}}
		return resp
	}))
	if groups, err := admin.ListGroups(within(t)); err != nil || len(groups) != 1 || groups["made up"].Group == "" {
		t.Errorf("ListGroups() = %v, %v", groups, err)
	}
	remove()
	remove()
	if groups, err := admin.ListGroups(within(t)); err != nil || len(groups) != 0 {
		t.Errorf("without the hook ListGroups() = %v, %v", groups, err)
	}
}

func TestAFailedRequestChangesNothing(t *testing.T) {
	b := chroniktest.Broker(t)
	client := connect(t, b, kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordRetries(0))
	produce(t, client, "orders", "first")
	b.Hook(kmsg.Produce, chroniktest.Times(1, chroniktest.Fail(kerr.InvalidRecord)))
	err := client.ProduceSync(within(t), &kgo.Record{Topic: "orders", Value: []byte("refused")}).FirstErr()
	if !errors.Is(err, kerr.InvalidRecord) {
		t.Errorf("the produce has ended with %v", err)
	}
	if end := endOf(t, client, "orders"); end != 1 {
		t.Errorf("the log ends at %d", end)
	}
}

func endOf(t testing.TB, c *kgo.Client, topic string) int64 {
	t.Helper()
	ends, err := kadm.NewClient(c).ListEndOffsets(within(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	end, _ := ends.Lookup(topic, 0)
	return end.Offset
}

func startOf(t testing.TB, c *kgo.Client, topic string) int64 {
	t.Helper()
	starts, err := kadm.NewClient(c).ListStartOffsets(within(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	start, _ := starts.Lookup(topic, 0)
	return start.Offset
}

// TestAnIdempotentProducerAsksAgain makes the broker append a batch and lose the response.
func TestAnIdempotentProducerAsksAgain(t *testing.T) {
	for name, hook := range map[string]chroniktest.Hook{
		"the answer is lost": chroniktest.LoseAnswer(), "the connection is closed": chroniktest.Disconnect(),
		"the leader has changed": chroniktest.Fail(kerr.NotLeaderForPartition),
		"it is slow":             chroniktest.Delay(10 * time.Millisecond),
	} {
		t.Run(name, func(t *testing.T) {
			b := chroniktest.Broker(t)
			// otherwise it refreshes its metadata after five seconds only
			client := connect(t, b, kgo.MetadataMinAge(10*time.Millisecond))
			asked := 0
			b.Hook(kmsg.Produce, func(context.Context, *chroniktest.Request) (kmsg.Response, error) {
				asked++
				return nil, nil
			})
			produce(t, client, "orders", "a")
			b.Hook(kmsg.Produce, chroniktest.Times(2, hook))
			produce(t, client, "orders", "b")
			if end := endOf(t, client, "orders"); end != 2 {
				t.Errorf("the log ends at %d, want 2: %d requests", end, asked)
			}
			if slow := name == "it is slow"; slow != (asked == 2) {
				t.Errorf("%d requests were made", asked)
			}
		})
	}
}

func TestOnlySomeRequestsAreMeant(t *testing.T) {
	b := chroniktest.Broker(t)
	bad := connect(t, b, kgo.ClientID("bad"), kgo.RecordRetries(0), kgo.DisableIdempotentWrite())
	good := connect(t, b, kgo.ClientID("good"))
	b.Hook(kmsg.Produce, chroniktest.Only(func(r *chroniktest.Request) bool {
		return r.ClientID == "bad" && r.Client == "127.0.0.1" && r.Listener == "PLAINTEXT"
	}, chroniktest.Fail(kerr.InvalidRecord)))
	produce(t, good, "orders", "a")
	if err := bad.ProduceSync(within(t), &kgo.Record{Topic: "orders"}).FirstErr(); !errors.Is(err, kerr.InvalidRecord) {
		t.Errorf("the produce that was meant has ended with %v", err)
	}
}

// TestABrokerIsClosedWhileHooksHoldRequests makes requests wait for a channel that never receives.
func TestABrokerIsClosedWhileHooksHoldRequests(t *testing.T) {
	b := chroniktest.Broker(t)
	held := make(chan struct{}, 100)
	b.Hook(kmsg.Metadata, func(context.Context, *chroniktest.Request) (kmsg.Response, error) {
		held <- struct{}{}
		return nil, nil
	})
	b.Hook(kmsg.Metadata, chroniktest.Hold(nil))
	client := connect(t, b)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- client.Ping(ctx) }()
	<-held
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a request that was held is answered")
	}
}

// TestAHookThatEndsTheTestBlocksNoConnection makes a hook call FailNow, which hooks should not do.
func TestAHookThatEndsTheTestBlocksNoConnection(t *testing.T) {
	b := chroniktest.Broker(t)
	failing := &failing{TB: t}
	b.Hook(kmsg.ListGroups, chroniktest.Times(1, func(context.Context, *chroniktest.Request) (kmsg.Response, error) {
		failing.FailNow()
		return nil, nil
	}))
	client := connect(t, b)
	if _, err := kadm.NewClient(client).ListGroups(within(t)); err == nil {
		t.Error("the request whose hook has not returned is answered")
	}
	if _, err := kadm.NewClient(client).ListGroups(within(t)); err != nil {
		t.Errorf("the request after it: %v", err)
	}
}

func TestABrokerOnADirectoryIsStartedAgain(t *testing.T) {
	options := chronik.Options{Dir: t.TempDir()}
	first := chroniktest.BrokerWith(t, options)
	produce(t, connect(t, first), "orders", "a")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(options.Dir, "*reserve*")); err != nil || len(files) != 0 {
		t.Errorf("a test's broker sets space aside: %v, %v", files, err)
	}
	if end := endOf(t, connect(t, chroniktest.BrokerWith(t, options)), "orders"); end != 1 {
		t.Errorf("after a restart the log ends at %d", end)
	}
}

// TestAFailedFetchIsAboutWhatItsSessionHas has a consumer fetch without naming its partition, of which nothing has
// changed.
func TestAFailedFetchIsAboutWhatItsSessionHas(t *testing.T) {
	b := chroniktest.Broker(t)
	client := connect(t, b, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(10*time.Millisecond))
	produce(t, client, "orders", "a")
	if records := client.PollFetches(within(t)).Records(); len(records) != 1 {
		t.Fatalf("consumed %v", records)
	}
	unnamed := make(chan struct{})
	once := sync.OnceFunc(func() { close(unnamed) })
	remove := b.Hook(kmsg.Fetch, func(_ context.Context, r *chroniktest.Request) (kmsg.Response, error) {
		if len(r.Request.(*kmsg.FetchRequest).Topics) == 0 {
			once()
		}
		return nil, nil
	})
	select {
	case <-unnamed:
	case <-within(t).Done():
		t.Fatal("every fetch names its partition")
	}
	remove()
	b.Hook(kmsg.Fetch, chroniktest.Times(1, chroniktest.Fail(kerr.TopicAuthorizationFailed)))
	failed := client.PollFetches(within(t)).Errors()
	if len(failed) != 1 || failed[0].Topic != "orders" || !errors.Is(failed[0].Err, kerr.TopicAuthorizationFailed) {
		t.Errorf("the consumer meets %v", failed)
	}
	produce(t, client, "orders", "b")
	if records := client.PollFetches(within(t)).Records(); len(records) != 1 || string(records[0].Value) != "b" {
		t.Errorf("afterwards it consumes %v", records)
	}
}

// TestAFailedMetadataNamesTheBroker asks for one topic, and for all.
func TestAFailedMetadataNamesTheBroker(t *testing.T) {
	b := chroniktest.BrokerWith(t, chronik.Options{Topics: []chronik.Topic{{Name: "orders"}}})
	client := connect(t, b)
	b.Hook(kmsg.Metadata, chroniktest.Fail(kerr.TopicAuthorizationFailed))
	one, all := kmsg.NewPtrMetadataRequest(), kmsg.NewPtrMetadataRequest()
	one.Topics = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr("orders")}}
	for name, req := range map[string]*kmsg.MetadataRequest{"one": one, "all": all} {
		resp, err := req.RequestWith(within(t), client)
		if err != nil {
			t.Fatal(err)
		}
		if len(resp.Brokers) != 1 || fmt.Sprintf("%s:%d", resp.Brokers[0].Host, resp.Brokers[0].Port) != b.Addr() ||
			resp.ControllerID != resp.Brokers[0].NodeID || resp.ClusterID == nil {
			t.Errorf("%s: the cluster is %+v", name, resp)
		}
		if len(resp.Topics) != 1 || *resp.Topics[0].Topic != "orders" ||
			resp.Topics[0].ErrorCode != kerr.TopicAuthorizationFailed.Code || len(resp.Topics[0].Partitions) != 0 {
			t.Errorf("%s: the topics are %+v", name, resp.Topics)
		}
	}
}
