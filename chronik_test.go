package chronik_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a broker that is closed when the test has ended, if not before.
func start(t testing.TB, options chronik.Options) *chronik.Broker {
	t.Helper()
	b, err := chronik.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBroker(t, b) })
	return b
}

func closeBroker(t testing.TB, b *chronik.Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
}

// connect returns a client that is closed when the test has ended.
func connect(t testing.TB, b *chronik.Broker, options ...kgo.Opt) *kgo.Client {
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

func produce(t testing.TB, c *kgo.Client, topic string, values ...string) {
	t.Helper()
	for _, v := range values {
		if err := c.ProduceSync(within(t), &kgo.Record{Topic: topic, Value: []byte(v)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// consume returns the next n values that a client gets.
func consume(t testing.TB, c *kgo.Client, n int) (values []string) {
	t.Helper()
	for len(values) < n {
		fetches := c.PollFetches(within(t))
		if err := errors.Join(fetches.Err(), fetches.Err0()); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

// fromStart has a client read a topic from its beginning.
func fromStart(topic string) []kgo.Opt {
	return []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
}

func TestABrokerInMemoryServesItsClients(t *testing.T) {
	work := t.TempDir()
	t.Chdir(work)
	b := start(t, chronik.Options{
		Configs: map[string]string{"num.partitions": "2"},
		Topics: []chronik.Topic{
			{Name: "orders", Partitions: 3, Configs: map[string]string{"retention.ms": "1000000"}}, {Name: "plain"},
		},
	})
	produce(t, connect(t, b), "orders", "a", "b", "c")
	reader := connect(t, b, append(fromStart("orders"), kgo.ConsumerGroup("readers"))...)
	if got := consume(t, reader, 3); len(got) != 3 {
		t.Errorf("consumed %q", got)
	}
	admin := kadm.NewClient(reader)
	topics, err := admin.ListTopics(within(t))
	if err != nil || len(topics["orders"].Partitions) != 3 || len(topics["plain"].Partitions) != 2 {
		t.Errorf("topics: %v, %v", topics, err)
	}
	described, err := admin.DescribeTopicConfigs(within(t), "orders")
	if err != nil || configOf(described, "retention.ms") != "1000000" {
		t.Errorf("configs of orders: %v, %v", described, err)
	}
	dirs, err := admin.DescribeAllLogDirs(within(t), nil)
	if err != nil || len(dirs) != 1 {
		t.Errorf("log directories: %v, %v", dirs, err)
	}
	if left, err := os.ReadDir(work); err != nil || len(left) != 0 {
		t.Errorf("on disk are %v, %v", left, err)
	}
}

func configOf(described kadm.ResourceConfigs, key string) string {
	for _, resource := range described {
		for _, c := range resource.Configs {
			if c.Key == key {
				return c.MaybeValue()
			}
		}
	}
	return ""
}

func TestADirectoryKeepsWhatWasAcknowledged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	options := chronik.Options{Dir: dir, Topics: []chronik.Topic{{Name: "orders"}}}
	first := start(t, options)
	produce(t, connect(t, first), "orders", "a", "b")
	if _, err := chronik.Start(t.Context(), options); err == nil ||
		!strings.Contains(err.Error(), "is in use by another broker") {
		t.Errorf("a second broker on the directory: %v", err)
	}
	closeBroker(t, first)
	closeBroker(t, first)
	select {
	case <-first.Done():
	default:
		t.Error("a closed broker is not done")
	}
	second := start(t, options) // the topic is there already
	client := connect(t, second, fromStart("orders")...)
	produce(t, client, "orders", "c")
	if got := strings.Join(consume(t, client, 3), ""); got != "abc" {
		t.Errorf("after a restart the topic holds %q", got)
	}
}

func TestTheErrorSaysWhatIsWrong(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options chronik.Options
		want    []string
	}{
		"a config that does not exist": {
			chronik.Options{Configs: map[string]string{"num.partitons": "3"}},
			[]string{"num.partitons", "Options.Configs"},
		},
		"a value that is not allowed": {
			chronik.Options{Configs: map[string]string{"num.partitions": "many"}},
			[]string{"num.partitions", "many", "Options.Configs"},
		},
		"an option as a config": {
			chronik.Options{Configs: map[string]string{"log.dirs": "/tmp"}}, []string{"log.dirs", "Options.Dir"},
		},
		"an address without port": {
			chronik.Options{Listen: []string{"localhost"}}, []string{"localhost", "Options.Listen", "host:port"},
		},
		"an address that is taken": {
			chronik.Options{Listen: []string{taken.Addr().String()}},
			[]string{taken.Addr().String(), "address already in use"},
		},
		"an advertised address of no listener": {
			chronik.Options{Advertised: []string{"OTHER=host:1"}}, []string{"OTHER", "Options.Advertised"},
		},
		"too little memory": {
			chronik.Options{Memory: 1 << 20}, []string{"memory", "1048576 bytes", "Options.Memory", "33554432 to"},
		},
		"less than no memory": {chronik.Options{Memory: -1}, []string{"memory", "-1 bytes", "Options.Memory"}},
		"a topic with less than no partitions": {
			chronik.Options{Topics: []chronik.Topic{{Name: "orders", Partitions: -1}}},
			[]string{"orders", "Options.Topics", "-1 partitions", "1 to"},
		},
		"a topic with more partitions than can be counted": {
			chronik.Options{Topics: []chronik.Topic{{Name: "orders", Partitions: 1<<32 + 1}}},
			[]string{"orders", "Options.Topics", "4294967297 partitions"},
		},
		"a topic twice": {
			chronik.Options{Topics: []chronik.Topic{{Name: "orders"}, {Name: "orders", Partitions: 2}}},
			[]string{"orders", "Options.Topics", "twice"},
		},
		"an internal topic": {
			chronik.Options{Topics: []chronik.Topic{{Name: "__consumer_offsets"}}},
			[]string{"__consumer_offsets", "Options.Topics", "internal"},
		},
		"a topic with a wrong name": {
			chronik.Options{Topics: []chronik.Topic{{Name: "or/ders"}}}, []string{"or/ders"},
		},
		"a topic with a wrong config": {
			chronik.Options{Topics: []chronik.Topic{{Name: "orders", Configs: map[string]string{"retention": "1"}}}},
			[]string{"orders", "retention"},
		},
		"a file for a directory": {chronik.Options{Dir: file}, []string{file, "not a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := chronik.Start(t.Context(), test.options)
			if err == nil {
				_ = b.Close()
				t.Fatal("the broker has started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

func TestEachListenerHasItsAddress(t *testing.T) {
	b := start(t,
		chronik.Options{
			Listen: []string{"127.0.0.1:0", "OUTSIDE=127.0.0.1:0"}, Advertised: []string{"OUTSIDE=broker.example:9092"},
		})
	addrs := b.Addrs()
	if len(addrs) != 2 || addrs[0] != b.Addr() || addrs[0] == addrs[1] {
		t.Fatalf("addresses %v, the first is %s", addrs, b.Addr())
	}
	for addr, want := range map[string]string{addrs[0]: addrs[0], addrs[1]: "broker.example:9092"} {
		c, err := kgo.NewClient(kgo.SeedBrokers(addr))
		if err != nil {
			t.Fatal(err)
		}
		brokers, err := kadm.NewClient(c).ListBrokers(within(t))
		c.Close()
		if err != nil || len(brokers) != 1 || net.JoinHostPort(brokers[0].Host,
			strconv.Itoa(int(brokers[0].Port))) != want {
			t.Errorf("at %s a client is told %v, %v, want %s", addr, brokers, err, want)
		}
	}
}

// lines is a writer for a logger, of many goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestTheBrokerLogsToItsLogger(t *testing.T) {
	log := new(lines)
	b := start(t, chronik.Options{Logger: slog.New(slog.NewTextHandler(log, nil)).With("broker", "mine")})
	closeBroker(t, b)
	for _, want := range []string{"msg=listening broker=mine", "address=" + b.Addr(), "msg=started", "msg=stopped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in\n%s", want, log)
		}
	}
}

// TestTheContextIsForTheStartAlone ends it when the broker has started, and before.
func TestTheContextIsForTheStartAlone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	b, err := chronik.Start(ctx, chronik.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closeBroker(t, b)
	cancel()
	produce(t, connect(t, b), "orders", "a")
	if b, err := chronik.Start(ctx, chronik.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context Start() = %v, %v", b, err)
	}
}

// TestRetentionFreesMemory produces four times as much as the process may take more than before.
func TestRetentionFreesMemory(t *testing.T) {
	const mebibyte = 1 << 20
	b := start(t, chronik.Options{
		Configs: map[string]string{"log.retention.check.interval.ms": "20"},
		Topics: []chronik.Topic{{Name: "orders", Configs: map[string]string{
			"segment.bytes": strconv.Itoa(4 * mebibyte), "retention.bytes": strconv.Itoa(8 * mebibyte),
		}}},
	})
	client := connect(t, b, kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := strings.Repeat("x", mebibyte/2)
	heap := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	produce(t, client, "orders", value)
	before := heap()
	for range 256 {
		produce(t, client, "orders", value)
	}
	often := time.NewTicker(50 * time.Millisecond)
	defer often.Stop()
	for ctx := within(t); heap()-before > 32*mebibyte; <-often.C { // the log, and what is removed soon
		if ctx.Err() != nil {
			t.Fatalf("%d MiB more are in use", (heap()-before)/mebibyte)
		}
	}
}

// TestManyBrokersLeaveNothingBehind starts, uses and closes two hundred, many at once.
func TestManyBrokersLeaveNothingBehind(t *testing.T) {
	const brokers, atOnce = 200, 20
	one := func(t testing.TB, options chronik.Options) (addr string) {
		b, err := chronik.Start(t.Context(), options)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer closeBroker(t, b)
		c, err := kgo.NewClient(append(fromStart("orders"), kgo.SeedBrokers(b.Addr()), kgo.AllowAutoTopicCreation())...)
		if err != nil {
			t.Error(err)
			return ""
		}
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := c.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte(b.Addr())}).FirstErr(); err != nil {
			t.Error(err)
			return ""
		}
		fetches := c.PollFetches(ctx)
		if records := fetches.Records(); len(records) != 1 || string(records[0].Value) != b.Addr() {
			t.Errorf("consumed %v, %v", records, fetches.Err())
		}
		return b.Addr()
	}
	one(t, chronik.Options{}) // what the runtime opens once is open now
	before, known := descriptors(t), goleak.IgnoreCurrent()
	addrs := make([]string, brokers)
	var working sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i := range brokers {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			addrs[i] = one(t, chronik.Options{})
		})
	}
	working.Wait()
	goleak.VerifyNone(t, known)
	if after := descriptors(t); after > before {
		t.Errorf("%d files are open, %d were before", after, before)
	}
	for _, addr := range addrs {
		if nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr); err == nil {
			_ = nc.Close()
			t.Errorf("somebody listens at %s still", addr)
		}
	}
}

// descriptors counts the files that this process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("open files cannot be counted here: %v", err)
	}
	return len(open)
}
