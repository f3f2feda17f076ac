package limits

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/harness"
	"github.com/chronik-stream/chronik/test/web"
)

// crowded is a broker on a small disk of its own, and the records that were acknowledged to the client that fills it.
type crowded struct {
	*harness.Broker
	volume *harness.Volume
	acked  map[string][]int // by topic: the numbers of the records
}

func onSmallDisk(t *testing.T) *crowded {
	t.Helper()
	v := harness.NewVolume(t, harness.SmallDisk)
	b := &crowded{volume: v, acked: make(map[string][]int)}
	b.start(t)
	return b
}

// start starts or restarts the broker.
func (b *crowded) start(t *testing.T) {
	t.Helper()
	b.Broker = harness.Launch(t, nil, filepath.Join(b.volume.At, "data"), &harness.Output{}, "--listen", "127.0.0.1:0",
		"--set", "http.listen=127.0.0.1:0")
	process := b.Broker
	t.Cleanup(func() {
		process.Kill()
		if t.Failed() {
			t.Logf("broker's log:\n%s", process.Log.Tail(6000))
		}
	})
	b.AwaitListening(t)
}

// record is the record with a number, of 900 kB.
func (b *crowded) record(topic string, n int) *kgo.Record {
	value := make([]byte, 900_000)
	copy(value, fmt.Sprint(n, " "))
	return &kgo.Record{Topic: topic, Value: value}
}

// produce produces one record without retries and returns the error.
func (b *crowded) produce(t *testing.T, cl *kgo.Client, topic string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n := len(b.acked[topic])
	err := cl.ProduceSync(ctx, b.record(topic, n)).FirstErr()
	if err == nil {
		b.acked[topic] = append(b.acked[topic], n)
	}
	return err
}

// eager is a client without retries.
func (b *crowded) eager(t *testing.T) *kgo.Client {
	t.Helper()
	return harness.NewClient(t, b.Addr, kgo.AllowAutoTopicCreation(), kgo.DisableIdempotentWrite(), kgo.RecordRetries(0),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
}

// fillUp produces until records are refused.
func (b *crowded) fillUp(t *testing.T, topic string) {
	t.Helper()
	cl := b.eager(t)
	harness.Within(t, time.Minute, "the disk is full", func() bool {
		if err := b.produce(t, cl, topic); err != nil {
			b.refused(t, err)
		}
		return strings.Contains(b.Log.Tail(1<<20), `msg="records are refused"`)
	})
}

// refused checks that err is about a full disk.
func (b *crowded) refused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, kerr.KafkaStorageError) || !kerr.IsRetriable(err) {
		t.Errorf("with a full disk: %v, want an error that is tried again", err)
	}
}

// serves checks that everything but producing works: reading, committing offsets, and administration.
func (b *crowded) serves(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b.holds(t)
	admin := kadm.NewClient(harness.NewClient(t, b.Addr))
	at := kadm.Offsets{}
	for topic, acked := range b.acked {
		at.AddOffset(topic, 0, int64(len(acked)), -1)
	}
	if resp, err := admin.CommitOffsets(ctx, "readers", at); err != nil || resp.Error() != nil {
		t.Errorf("commit offsets: %v, %v", err, resp.Error())
	}
	name := fmt.Sprint("made-", time.Now().UnixNano())
	if _, err := admin.CreateTopic(ctx, 1, 1, nil, name); err != nil {
		t.Errorf("create a topic: %v", err)
	}
	if resp, err := admin.DeleteTopics(ctx, name); err != nil || resp.Error() != nil {
		t.Errorf("delete a topic: %v", err)
	}
	if status, body := get(t, b.Broker, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d %s: nothing would be better after a restart", status, body)
	}
	if status, body := get(t, b.Broker, "/readyz/reading"); status != http.StatusOK {
		t.Errorf("/readyz/reading says %d %s", status, body)
	}
}

// holds checks that all that was acknowledged can be read, in its order.
func (b *crowded) holds(t *testing.T) {
	t.Helper()
	for topic, acked := range b.acked {
		cl := harness.NewClient(t, b.Addr, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		for read := 0; read < len(acked); {
			got := cl.PollFetches(ctx)
			if err := got.Err0(); err != nil {
				t.Fatalf("%s was read up to %d of %d: %v", topic, read, len(acked), err)
			}
			for r := range got.RecordsAll() {
				var n int
				if _, err := fmt.Sscan(string(r.Value[:20]), &n); err != nil || read < len(acked) && n != acked[read] {
					t.Fatalf("record %d of %s is number %d, %v", read, topic, n, err)
				}
				read++
			}
		}
		cancel()
		cl.Close()
	}
}

// full checks that the broker reports that its disk is full.
func (b *crowded) full(t *testing.T) {
	t.Helper()
	harness.Within(t, 20*time.Second, "the broker is not ready, and says why", func() bool {
		status, body := get(t, b.Broker, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "until there is space again")
	})
	if _, body := get(t, b.Broker, "/metrics"); !strings.Contains(body, "chronik_disk_refusing 1") {
		t.Error("metrics do not show that records are refused")
	}
	b.refused(t, b.produce(t, b.eager(t), "orders"))
}

// goesOn waits until records are accepted again, without help.
func (b *crowded) goesOn(t *testing.T) {
	t.Helper()
	cl := b.eager(t)
	harness.Within(t, 30*time.Second, "records are accepted again", func() bool {
		return b.produce(t, cl, "orders") == nil
	})
	harness.Within(t, 20*time.Second, "the broker is ready", func() bool {
		status, _ := get(t, b.Broker, "/readyz")
		return status == http.StatusOK
	})
	b.holds(t)
}

// deletes removes a topic.
func (b *crowded) deletes(t *testing.T, topic string) {
	t.Helper()
	if resp, err := kadm.NewClient(harness.NewClient(t, b.Addr)).DeleteTopics(t.Context(), topic); err != nil ||
		resp.Error() != nil {
		t.Fatalf("delete %s: %v", topic, err)
	}
	delete(b.acked, topic)
}

var metricsURL = regexp.MustCompile(`msg="serving http" url=(\S+)`)

// get asks the broker by HTTP.
func get(t *testing.T, p *harness.Broker, path string) (int, string) {
	t.Helper()
	url := ""
	harness.Within(t, 30*time.Second, "http is served", func() bool {
		m := metricsURL.FindStringSubmatch(p.Log.Tail(1 << 20))
		if m != nil {
			url = m[1]
		}
		return m != nil
	})
	return web.Get(t, url+path)
}

func TestADiskThatProducersFillRefusesThemAndServesAllElse(t *testing.T) {
	b := onSmallDisk(t)
	if err := b.produce(t, b.eager(t), "orders"); err != nil {
		t.Fatal(err)
	}
	b.fillUp(t, "bulk")
	b.full(t)
	b.serves(t)
	b.deletes(t, "bulk")
	b.goesOn(t)
	b.Stop(t)
}

func TestADiskThatOthersFillIsSurvivedOverStopsKillsAndStarts(t *testing.T) {
	b := onSmallDisk(t)
	cl := b.eager(t)
	for range 50 {
		if err := b.produce(t, cl, "orders"); err != nil {
			t.Fatal(err)
		}
	}
	b.volume.Fill(t, 0)
	b.full(t)
	b.serves(t)
	for _, end := range []string{"a stop", "a kill", "another stop"} {
		t.Logf("the start after %s", end)
		if end == "a kill" {
			b.Kill()
		} else {
			b.Stop(t)
		}
		b.start(t)
		b.full(t)
		b.serves(t)
	}
	b.volume.Clear(t)
	b.goesOn(t)
	b.Stop(t)
}

// TestAProgramThatTakesEveryFreeBlockEndsNoBroker has what the reserve gives back for a command taken by somebody else.
func TestAProgramThatTakesEveryFreeBlockEndsNoBroker(t *testing.T) {
	b := onSmallDisk(t)
	if err := b.produce(t, b.eager(t), "orders"); err != nil {
		t.Fatal(err)
	}
	b.volume.Fill(t, 0)
	b.full(t)
	stop := make(chan struct{})
	var taking sync.WaitGroup
	for range 2 {
		taking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					b.volume.Fill(t, 0)
				}
			}
		})
	}
	admin := kadm.NewClient(harness.NewClient(t, b.Addr))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made, refused := 0, 0
	for n := range 300 {
		if _, err := admin.CreateTopic(ctx, 50, 1, nil, fmt.Sprint("made-", n)); err != nil {
			refused++
		} else {
			made++
		}
	}
	close(stop)
	taking.Wait()
	t.Logf("%d topics were made, %d were refused", made, refused)
	b.holds(t)
	b.volume.Clear(t)
	b.goesOn(t)
	b.Stop(t)
}

func TestJavaAndLibrdkafkaTryAgainUntilTheDiskHasSpace(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		t.Fatal("kcat is not installed: apt-get install kcat (make fetch does it, for root)")
	}
	b := onSmallDisk(t)
	harness.ProduceOne(t, b.Addr, "orders", "before")
	b.volume.Fill(t, 0)
	b.full(t)
	var sending sync.WaitGroup
	var ended atomic.Int32
	for name, args := range map[string][]string{
		"kcat":             {"kcat", "-P", "-b", b.Addr, "-t", "orders"},
		"kcat, idempotent": {"kcat", "-P", "-b", b.Addr, "-t", "orders", "-X", "enable.idempotence=true"},
		"Java": {
			harness.KafkaScript, "console-producer", "--bootstrap-server", b.Addr, "--topic",
			"orders", "--message-send-max-retries", "10000",
		},
		"Java, without sequence": {
			harness.KafkaScript, "console-producer", "--bootstrap-server", b.Addr, "--topic",
			"orders", "--message-send-max-retries", "10000", "--producer-property", "enable.idempotence=false",
		},
	} {
		sending.Go(func() {
			if out, err := harness.TryCommand(t, name+"\n", args[0], args[1:]...); err != nil ||
				strings.Contains(out, " ERROR ") {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			ended.Add(1)
		})
	}
	refusals := func() string {
		_, body := get(t, b.Broker, "/metrics")
		for line := range strings.Lines(body) {
			if strings.HasPrefix(line, `chronik_requests_total{api="Produce"`) {
				return strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:])
			}
		}
		return "0"
	}
	harness.Within(t, time.Minute, "the clients are refused again and again", func() bool {
		n, err := strconv.Atoi(refusals())
		return err == nil && n > 60
	})
	if n := ended.Load(); n > 0 {
		t.Errorf("%d of the clients have given up", n)
	}
	b.volume.Clear(t)
	sending.Wait()
	cl := harness.NewClient(t, b.Addr, kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var got []string
	for len(got) < 5 {
		fetched := cl.PollFetches(t.Context())
		if err := fetched.Err(); err != nil {
			t.Fatalf("%v after %q", err, got)
		}
		for r := range fetched.RecordsAll() {
			got = append(got, string(r.Value))
		}
	}
	slices.Sort(got)
	if want := []string{"Java", "Java, without sequence", "before", "kcat", "kcat, idempotent"}; !slices.Equal(got, want) {
		t.Errorf("the topic holds %q, want each once: %q", got, want)
	}
}
