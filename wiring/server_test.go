package wiring

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/test/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
		goleak.IgnoreTopFunction("go.opencensus.io/stats/view.(*worker).start"),
	)
}

// config returns a configuration on a free port; more are key=value.
func config(t *testing.T, dir string, more ...string) *configs.Config {
	t.Helper()
	sources := configs.Sources{}
	for _, set := range append([]string{"listen=127.0.0.1:0", "http.listen=127.0.0.1:0", "data_dir=" + dir}, more...) {
		key, value, _ := strings.Cut(set, "=")
		sources.Flags = slices.DeleteFunc(sources.Flags, func(a configs.Assignment) bool { return a.Key == key })
		sources.Flags = append(sources.Flags, configs.Assignment{Key: key, Value: value, Flag: "--set"})
	}
	cfg, err := configs.Load(sources)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start starts a broker that stops with the test at the latest.
func start(t *testing.T, cfg *configs.Config, output io.Writer) *Server {
	t.Helper()
	s, err := Start(context.WithoutCancel(t.Context()), cfg, NewLogging(cfg, output), new(Progress))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	})
	return s
}

// startQuietly starts a broker that logs nothing.
func startQuietly(ctx context.Context, cfg *configs.Config) (*Server, error) {
	return Start(ctx, cfg, NewLogging(cfg, io.Discard), new(Progress))
}

func client(t *testing.T, s *Server, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(options, kgo.SeedBrokers(s.Addr().String()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// log collects what a broker logs.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns what was logged so far.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestAFreshServerListsNoTopicsAndHasMeta(t *testing.T) { // the seed's test_standalone_metadata_store
	for _, wal := range []string{"true", "false"} {
		s := start(t, config(t, t.TempDir(), "use_wal_metadata="+wal), io.Discard)
		topics, err := kadm.NewClient(client(t, s)).ListTopicsWithInternal(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if names := topics.Names(); len(names) > 0 {
			t.Errorf("use_wal_metadata = %s: topics %v", wal, names)
		}
		meta, ok := s.Store.Image().Topic(metadata.MetaTopic)
		if !ok || len(meta.Partitions) != 1 || meta.Configs["compression.type"] != "snappy" ||
			meta.Configs["cleanup.policy"] != "compact" ||
			meta.Configs["segment.bytes"] != "52428800" || meta.Configs["retention.ms"] != "-1" {
			t.Errorf("use_wal_metadata = %s: __meta is %+v", wal, meta)
		}
	}
}

func TestRecordsGroupsAndTheClusterIDSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, config(t, dir, "kafka.group.initial.rebalance.delay.ms=0"), io.Discard)
	id := first.Store.Image().ClusterID()
	c := client(t, first, kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("orders"), kgo.ConsumerGroup("readers"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	for got := 0; got == 0; {
		fetched := c.PollFetches(t.Context())
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		got = fetched.NumRecords()
	}
	if err := c.CommitUncommittedOffsets(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := start(t, config(t, dir), io.Discard)
	admin := kadm.NewClient(client(t, second))
	offsets, err := admin.FetchOffsets(t.Context(), "readers")
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := offsets.Lookup("orders", 0); !ok || at.At != 1 {
		t.Errorf("committed offset %+v, %t, want 1", at, ok)
	}
	ends, err := admin.ListEndOffsets(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if end, ok := ends.Lookup("orders", 0); !ok || end.Offset != 1 {
		t.Errorf("end offset %+v, %t, want 1", end, ok)
	}
	if got := second.Store.Image().ClusterID(); got != id || len(id) != 22 {
		t.Errorf("cluster id %q, was %q", got, id)
	}
}

func TestASecondStartOnTheSameDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	start(t, config(t, dir), io.Discard)
	_, err := startQuietly(t.Context(), config(t, dir))
	if err == nil || !strings.Contains(err.Error(), "is in use by another broker (process id ") {
		t.Errorf("Start() = %v", err)
	}
}

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	taken := start(t, config(t, t.TempDir()), io.Discard)
	dir := t.TempDir()
	for name, setting := range map[string]string{
		"kafka listener": "listen=" + taken.Addr().String(), "http listener": "http.listen=" +
			taken.HTTPAddr().String(),
	} {
		if _, err := startQuietly(t.Context(), config(t, dir, setting)); err == nil ||
			!strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: Start() = %v", name, err)
		}
	}
	start(t, config(t, dir), io.Discard) // the directory is free
}

func TestMetricsAndHealthAreServed(t *testing.T) {
	s := start(t, config(t, t.TempDir(), "kafka.group.initial.rebalance.delay.ms=0"), io.Discard)
	c := client(t, s, kgo.AllowAutoTopicCreation())
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, s, "/healthz"); status != http.StatusOK || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
	await(t, "/readyz is ok", func() (string, bool) {
		status, body := get(t, s, "/readyz")
		return body, status == http.StatusOK
	})
	for _, want := range []string{
		`chronik_requests_total{api="Produce",listener="PLAINTEXT"} 1`,
		`chronik_request_duration_seconds_bucket{api="Produce"`,
		`chronik_request_received_bytes_total{api="Produce"`, `chronik_connections{listener="PLAINTEXT"}`,
		"chronik_topics 2",
		`chronik_partitions{scope="open"} `, `chronik_partitions{scope="without_leader"} 0`,
		`chronik_partitions{scope="under_replicated"} 0`, `chronik_partitions{scope="offline"} 0`,
		`chronik_partitions{scope="under_min_isr"} 0`,
		"chronik_journal_sync_duration_seconds_count", `chronik_memory_used_bytes{holder="requests"}`,
		`chronik_replication_throttled_bytes_per_second{role="leader"} 0`,
		"go_goroutines", "process_resident_memory_bytes",
		`chronik_disk_space_bytes{kind="free"} `, `chronik_disk_space_bytes{kind="reserve"} 6.7108864e+07`,
		"chronik_disk_refusing 0",
		"chronik_ready 1", "chronik_session 1", "chronik_metadata_leader 1",
		`chronik_brokers{state="fenced"} 0`, `chronik_brokers{state="unfenced"} 1`,
	} {
		await(t, want+" is in /metrics", func() (string, bool) { // a request is counted once its answer has left
			_, body := get(t, s, "/metrics")
			return body, strings.Contains(body, want)
		})
	}
	if status, _ := get(t, s, "/nothing"); status != http.StatusNotFound {
		t.Errorf("/nothing: %d", status)
	}
}

// await waits until holds says so; it gives what it has seen, too.
func await(t *testing.T, what string, holds func() (seen string, ok bool)) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(10 * time.Second); ; {
		seen, ok := holds()
		if ok {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s: not within 10 s:\n%s", what, seen)
		}
	}
}

func get(t *testing.T, s *Server, path string) (int, string) {
	t.Helper()
	return web.Get(t, "http://"+s.HTTPAddr().String()+path)
}

func TestSeveralListenersAdvertiseTheirOwnAddresses(t *testing.T) {
	s := start(t, config(t, t.TempDir(), "listen=IN=127.0.0.1:0,OUT=127.0.0.1:0",
		"advertised_addr=OUT=broker.example.com:19092"), io.Discard)
	for i, want := range []string{"127.0.0.1", "broker.example.com"} {
		c, err := kgo.NewClient(kgo.SeedBrokers(s.Kafka.Addrs()[i].String()))
		if err != nil {
			t.Fatal(err)
		}
		brokers, err := kadm.NewClient(c).Metadata(t.Context())
		c.Close()
		if err != nil {
			t.Fatal(err)
		}
		if len(brokers.Brokers) != 1 || brokers.Brokers[0].Host != want {
			t.Errorf("listener %d: brokers %+v, want %s", i, brokers.Brokers, want)
		}
	}
}

func TestReloadTakesWhatIsDynamic(t *testing.T) {
	dir, out := t.TempDir(), &log{}
	s := start(t, config(t, dir, "kafka.num.partitions=2"), out)
	c := client(t, s, kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	large := &kgo.Record{Topic: "orders", Value: make([]byte, 10_000)}
	if err := c.ProduceSync(t.Context(), large).FirstErr(); err != nil {
		t.Fatal(err)
	}
	s.Reload(config(t, dir, "log_level=warn", "memory=64MiB", "kafka.message.max.bytes=2000", "kafka.num.partitions=3"))
	if err := c.ProduceSync(t.Context(), large).FirstErr(); !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("a batch over message.max.bytes: %v, want %v", err, kerr.MessageTooLarge)
	}
	if n := s.Configs.Int("num.partitions"); n != 2 {
		t.Errorf("num.partitions, which needs a restart, is %d, want 2", n)
	}
	if s.Levels.Level() != slog.LevelWarn {
		t.Errorf("log level %v", s.Levels.Level())
	}
	for _, want := range []string{
		`msg="setting changed, which needs a restart" key=memory`,
		`msg="setting changed, which needs a restart" key=kafka.num.partitions`,
		`msg="setting changed" key=kafka.message.max.bytes`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is missing in:\n%s", want, out)
		}
	}
	s.Reload(config(t, dir)) // without the key, the default holds again
	if err := c.ProduceSync(t.Context(), large).FirstErr(); err != nil {
		t.Errorf("after the reload of the defaults: %v", err)
	}
}

func TestTheEndOfTheContextStopsTheBroker(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := startQuietly(ctx, config(t, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Err(); err != nil {
		t.Errorf("Err() = %v", err)
	}
}
