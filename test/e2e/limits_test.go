package e2e

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestTenThousandPartitionsIn64MiB has the broker serve 10,000 partitions, idle connections and hostile clients under
// a limit at which the kernel would kill it.
func TestTenThousandPartitionsIn64MiB(t *testing.T) {
	skipInShortMode(t)
	const limit = 64 << 20
	b, group := startLimited(t, limit, "--set", "memory=48MiB")
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
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for read := 0; read < 2*topics*partitions; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		read += fetches.NumRecords()
	}
	used := b.anonymousMemory(t)
	t.Logf("%d MiB of anonymous memory with %d idle connections; %v", used>>20, len(idle), group)
	if used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	group.check(t, b)
	if lines := strings.Count(b.log.tail(1<<20), "\n"); lines > 500 {
		t.Errorf("the broker has logged %d lines", lines)
	}
}

// TestHoardersAndCrowdsIn64MiB has clients take all fetch sessions, group members and connections that they get.
func TestHoardersAndCrowdsIn64MiB(t *testing.T) {
	skipInShortMode(t)
	const limit = 64 << 20
	b, group := startLimited(t, limit, "--set", "memory=48MiB")
	cl := client(t, b.addr, kgo.AllowAutoTopicCreation())
	for range 3 {
		hoard(t, b.addr)
		crowd(t, b.addr)
		hostile(t, b.addr)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("after all that")}).FirstErr(); err != nil {
		t.Errorf("produce: %v", err)
	}
	used := b.anonymousMemory(t)
	t.Logf("%d MiB of anonymous memory; %v", used>>20, group)
	if used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	group.check(t, b)
}

// TestAProduceRequestOf92MiBIsServedInLittleMemory sends what a producer of many partitions sends at once.
func TestAProduceRequestOf92MiBIsServedInLittleMemory(t *testing.T) {
	skipInShortMode(t)
	const partitions, limit = 92, 80 << 20
	b, group := startLimited(t, limit, "--set", "memory=64MiB", "--set", "kafka.message.max.bytes=2097152")
	cl := client(t, b.addr)
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), partitions, 1, nil, "wide"); err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 60_000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "wide"
	for i := range int32(partitions) {
		at := kmsg.NewProduceRequestTopicPartition()
		at.Partition, at.Records = i, batch(strings.Repeat(strconv.Itoa(int(i%10)), 1<<20))
		topic.Partitions = append(topic.Partitions, at)
	}
	req.Topics = append(req.Topics, topic)
	req.SetVersion(9)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)
	conn, err := net.Dial("tcp", b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(frame); err != nil {
		t.Fatalf("the broker has closed the connection: %v", err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	answer = make([]byte, binary.BigEndian.Uint32(answer))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	if err := resp.ReadFrom(answer[5:]); err != nil { // behind the correlation id and no tagged fields
		t.Fatal(err)
	}
	for _, p := range resp.Topics[0].Partitions {
		if p.ErrorCode != 0 || p.BaseOffset != 0 {
			t.Errorf("partition %d: error code %d, offset %d", p.Partition, p.ErrorCode, p.BaseOffset)
		}
	}
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), "wide")
	if err != nil {
		t.Fatal(err)
	}
	stored := 0
	ends.Each(func(o kadm.ListedOffset) { stored += int(o.Offset) })
	if n := len(resp.Topics[0].Partitions); n != partitions || stored != partitions {
		t.Errorf("%d partitions are answered and %d records stored, want %d", n, stored, partitions)
	}
	if used := b.anonymousMemory(t); used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	group.check(t, b)
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
	measured(t, "from the start to the first answer", times[len(times)/2], 100*time.Millisecond)
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
