package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// hardLimit puts the process under a limit of memory at which the kernel kills it, where a control group may be made. Elsewhere
// only its anonymous memory is checked, in anonymousMemory.
func (p *process) hardLimit(t *testing.T, limit int64) {
	t.Helper()
	group := filepath.Join("/sys/fs/cgroup/memory", fmt.Sprintf("chronik-%d", p.cmd.Process.Pid))
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Logf("no control group: %v", err)
		return
	}
	t.Cleanup(func() { os.Remove(group) })
	for file, value := range map[string]int64{"memory.limit_in_bytes": limit, "cgroup.procs": int64(p.cmd.Process.Pid)} {
		if err := os.WriteFile(filepath.Join(group, file), strconv.AppendInt(nil, value, 10), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// anonymousMemory is what the process has of memory that is no file's.
func (p *process) anonymousMemory(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("the broker is gone: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no RssAnon")
	return 0
}

// TestTenThousandPartitionsIn64MiB has the broker serve 10,000 partitions, idle connections and hostile ones under a hard limit.
func TestTenThousandPartitionsIn64MiB(t *testing.T) {
	skipInShortMode(t)
	const limit = 64 << 20
	b := start(t, "", "--set", "memory=48MiB")
	b.hardLimit(t, limit)
	cl := client(t, b.addr, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxBytes(1<<20))
	const topics, partitions = 10, 1000
	var names []string
	for i := range topics {
		names = append(names, fmt.Sprintf("many-%d", i))
	}
	if _, err := kadm.NewClient(cl).CreateTopics(t.Context(), partitions, 1, nil, names...); err != nil {
		t.Fatal(err)
	}
	var idle []net.Conn
	for range 1000 {
		c, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	hostile(t, b.addr)
	for round := range 2 {
		for _, name := range names {
			for partition := range partitions {
				r := &kgo.Record{Topic: name, Partition: int32(partition), Value: bytes.Repeat([]byte{byte(round)}, 100)}
				cl.Produce(t.Context(), r, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Errorf("produce: %v", err)
					}
				})
			}
		}
		if err := cl.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		hostile(t, b.addr)
	}
	cl.AddConsumeTopics(names...)
	for read := 0; read < 2*topics*partitions; {
		fetches := cl.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		read += fetches.NumRecords()
	}
	used := b.anonymousMemory(t)
	t.Logf("%d MiB with %d idle connections", used>>20, len(idle))
	if used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	if lines := strings.Count(b.log.tail(1<<20), "\n"); lines > 500 {
		t.Errorf("the broker has logged %d lines", lines)
	}
}

// hostile sends what no client should: each connection ends or is answered with an error, and costs little.
func hostile(t *testing.T, addr string) {
	t.Helper()
	frame := func(key, version int16, body ...byte) []byte {
		header := binary.BigEndian.AppendUint16(nil, uint16(key))
		header = binary.BigEndian.AppendUint16(header, uint16(version))
		header = append(header, 0, 0, 0, 1, 0xff, 0xff)
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(header)+len(body))), append(header, body...)...)
	}
	for name, send := range map[string][]byte{
		"garbage":            bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 100),
		"a huge frame":       {0x7f, 0xff, 0xff, 0xff},
		"a negative frame":   {0xff, 0xff, 0xff, 0xff},
		"an empty frame":     {0, 0, 0, 0},
		"an unknown API":     frame(999, 0),
		"an unknown version": frame(3, 99),
		"an absurd array":    frame(19, 2, 0x7f, 0xff, 0xff, 0xff),
		"a truncated body":   frame(1, 4, 0, 0),
		"a slow frame":       {0, 0x10, 0, 0, 0, 3},
		"an announced 64 MB": {0x03, 0xff, 0xff, 0xff, 0, 3},
	} {
		for range 20 {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := c.Write(send); err != nil {
				t.Logf("%s: %v", name, err) // it was closed before all was written
			}
			if strings.Contains(name, "slow") || strings.Contains(name, "announced") {
				t.Cleanup(func() { c.Close() }) // stays open for the length of the test
				continue
			}
			c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if _, err := io.Copy(io.Discard, c); err != nil && os.IsTimeout(err) {
				t.Errorf("%s: the connection stays open", name)
			}
			c.Close()
		}
	}
	bomb(t, addr)
}

// bomb produces a small batch that decompresses to a gibibyte. It must be refused.
func bomb(t *testing.T, addr string) {
	t.Helper()
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	var packed bytes.Buffer
	encoder.Reset(&packed)
	for range 1024 {
		if _, err := encoder.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := encoder.Close(); err != nil {
		t.Fatal(err)
	}
	cl := client(t, addr)
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "bombed"); err != nil && !strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
		t.Fatal(err)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "bombed"
	meta, err := kadm.NewClient(cl).ListTopics(t.Context(), "bombed")
	if err != nil {
		t.Fatal(err)
	}
	topic.TopicID = meta["bombed"].ID
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = sealed(packed.Bytes(), 1, func(b *kmsg.RecordBatch) { b.Attributes = 4 })
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	if code := resp.Topics[0].Partitions[0].ErrorCode; code == 0 {
		t.Error("the broker has taken a decompression bomb")
	}
}

func TestStartIsInstant(t *testing.T) {
	skipInShortMode(t)
	var times []time.Duration
	for range 7 {
		began := time.Now()
		b := start(t, "")
		w, err := net.Dial("tcp", b.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(w, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(began))
		w.Close()
		b.kill()
	}
	slices.Sort(times)
	t.Logf("start to the first answer: %v", times)
	if median := times[len(times)/2]; median > 100*time.Millisecond {
		t.Errorf("median %v, allowed 100 ms", median)
	}
}

func TestSIGTERMLosesNothing(t *testing.T) {
	skipInShortMode(t)
	b := start(t, "")
	cl := client(t, b.addr, kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("drained"))
	acked := make(chan struct{}, 100_000)
	for i := range 20_000 {
		cl.Produce(t.Context(), &kgo.Record{Value: []byte(strconv.Itoa(i))}, func(_ *kgo.Record, err error) {
			if err == nil {
				acked <- struct{}{}
			}
		})
	}
	<-acked
	b.stop(t)
	startAt(t, b.dir, b.addr)
	if err := cl.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "drained")
	if err != nil {
		t.Fatal(err)
	}
	if end, _ := ends.Lookup("drained", 0); end.Offset != 20_000 || len(acked) != 19_999 {
		t.Errorf("%d records are there, %d were acknowledged, want 20000", end.Offset, len(acked)+1)
	}
}
