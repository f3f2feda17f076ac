package limits

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// hostile sends malformed and excessive requests: each connection is closed or answered with an error, and costs
// little.
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
	cl := harness.NewClient(t, addr)
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopic(t.Context(), 1, 1, nil, "bombed"); err != nil &&
		!strings.Contains(err.Error(), "TOPIC_ALREADY_EXISTS") {
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
	p.Records = harness.SealedBatch(packed.Bytes(), 1, func(b *kmsg.RecordBatch) { b.Attributes = 4 })
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

// hoard opens fetch sessions and joins groups until the broker refuses both, as it must.
func hoard(t *testing.T, addr string) {
	t.Helper()
	cl := harness.NewClient(t, addr, kgo.DisableFetchSessions())
	defer cl.Close()
	refused := 0
	for i := range 60 {
		fetch := kmsg.NewPtrFetchRequest()
		fetch.Version, fetch.MaxBytes, fetch.SessionEpoch = 12, 1<<20, 0
		for name := range 5 {
			topic := kmsg.NewFetchRequestTopic()
			topic.Topic = fmt.Sprintf("%0240d", 5*i+name) // one that does not exist
			for p := range 1000 {
				partition := kmsg.NewFetchRequestTopicPartition()
				partition.Partition = int32(p)
				topic.Partitions = append(topic.Partitions, partition)
			}
			fetch.Topics = append(fetch.Topics, topic)
		}
		resp, err := harness.Request(t, addr, fetch)
		if err != nil {
			t.Fatalf("fetch: %v", err)
		}
		if resp.(*kmsg.FetchResponse).SessionID == 0 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no session is refused")
	}
	harness.Within(t, 30*time.Second, "there is a coordinator", func() bool {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.Version, find.CoordinatorKey = 3, "hoarders"
		resp, err := harness.Request(t, addr, find)
		return err == nil && resp.(*kmsg.FindCoordinatorResponse).ErrorCode == 0
	})
	refused = 0
	for i := range 100 {
		join := kmsg.NewPtrJoinGroupRequest()
		join.Version, join.Group, join.ProtocolType = 3, fmt.Sprintf("hoarders-%d", i), "consumer"
		join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 60_000, 60_000
		protocol := kmsg.NewJoinGroupRequestProtocol()
		protocol.Name, protocol.Metadata = "range", make([]byte, 256<<10)
		join.Protocols = append(join.Protocols, protocol)
		resp, err := harness.Request(t, addr, join)
		if err != nil {
			t.Fatalf("join: %v", err)
		}
		switch code := resp.(*kmsg.JoinGroupResponse).ErrorCode; code {
		case 0:
		case kerr.CoordinatorLoadInProgress.Code:
			refused++
		default:
			t.Fatalf("join: %v", kerr.ErrorForCode(code))
		}
	}
	if refused == 0 {
		t.Error("no member is refused")
	}
}

// crowd opens connections until the broker refuses them.
func crowd(t *testing.T, addr string) {
	t.Helper()
	const many = 3000
	conns := make([]net.Conn, 0, many)
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for range many {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
	}
	closed := 0
	harness.Within(t, time.Minute, "connections are refused", func() bool {
		closed = 0
		for _, c := range conns {
			c.SetReadDeadline(time.Now().Add(time.Millisecond))
			if _, err := c.Read(make([]byte, 1)); err != nil && !os.IsTimeout(err) {
				closed++
			}
		}
		return closed > 0
	})
	t.Logf("%d of %d connections are refused", closed, many)
}
