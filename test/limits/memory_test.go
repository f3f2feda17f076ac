package limits

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestTenThousandPartitionsIn64MiB runs the broker with 10,000 partitions, idle connections and hostile clients, under
// a limit at which the kernel would kill it.
func TestTenThousandPartitionsIn64MiB(t *testing.T) {
	const limit = 64 << 20
	b, group := startLimited(t, limit, "--set", "memory=48MiB")
	cl := harness.NewClient(t, b.Addr, kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
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
		c, err := net.Dial("tcp", b.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		idle = append(idle, c)
	}
	hostile(t, b.Addr)
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
		hostile(t, b.Addr)
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
	used := anonymousMemory(t, b)
	t.Logf("%d MiB of anonymous memory with %d idle connections; %v", used>>20, len(idle), group)
	if used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	group.check(t, b)
	if lines := strings.Count(b.Log.Tail(1<<20), "\n"); lines > 500 {
		t.Errorf("the broker has logged %d lines", lines)
	}
}

// TestHoardersAndCrowdsIn64MiB has clients take as many fetch sessions, group members and connections as they get.
func TestHoardersAndCrowdsIn64MiB(t *testing.T) {
	const limit = 64 << 20
	b, group := startLimited(t, limit, "--set", "memory=48MiB")
	cl := harness.NewClient(t, b.Addr, kgo.AllowAutoTopicCreation())
	for range 3 {
		hoard(t, b.Addr)
		crowd(t, b.Addr)
		hostile(t, b.Addr)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{
		Topic: "orders",
		Value: []byte("after all that"),
	}).FirstErr(); err != nil {
		t.Errorf("produce: %v", err)
	}
	used := anonymousMemory(t, b)
	t.Logf("%d MiB of anonymous memory; %v", used>>20, group)
	if used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	group.check(t, b)
}

// TestAProduceRequestOf92MiBIsServedInLittleMemory sends what a producer of many partitions sends at once.
func TestAProduceRequestOf92MiBIsServedInLittleMemory(t *testing.T) {
	const partitions, limit = 92, 80 << 20
	b, group := startLimited(t, limit, "--set", "memory=64MiB", "--set", "kafka.message.max.bytes=2097152")
	cl := harness.NewClient(t, b.Addr)
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), partitions, 1, nil, "wide"); err != nil {
		t.Fatal(err)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 60_000
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "wide"
	for i := range int32(partitions) {
		at := kmsg.NewProduceRequestTopicPartition()
		at.Partition, at.Records = i, harness.Batch(strings.Repeat(strconv.Itoa(int(i%10)), 1<<20))
		topic.Partitions = append(topic.Partitions, at)
	}
	req.Topics = append(req.Topics, topic)
	req.SetVersion(9)
	frame := kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)
	conn, err := net.Dial("tcp", b.Addr)
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
	if used := anonymousMemory(t, b); used > limit {
		t.Errorf("the broker uses %d MiB, allowed %d", used>>20, limit>>20)
	}
	group.check(t, b)
}
