package kafkaproto

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// codec returns an exchange without a connection to anyone, for decoding and encoding.
func codec(t testing.TB, key, version int16, body []byte) *exchange {
	t.Helper()
	s, err := New(Settings{
		Listeners: []Listener{{Name: "L", Address: ":0", Advertised: "broker:9092"}},
		NodeID:    1,
		Services:  newFakes(t).services(),
		Limits:    ample(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &conn{server: s, listener: s.listeners[0]}
	return &exchange{
		conn:        c,
		api:         s.api(key),
		version:     version,
		correlation: 7,
		clientID:    "tester",
		ctx:         t.Context(),
		body:        body,
	}
}

// whole reads x's request from its frame.
func whole(x *exchange) *wire.Reader {
	r := wire.NewReader(x.body, x.version >= x.api.flexible)
	return &r
}

// produced is a Produce request as kmsg reads it, in the form of our own decoder.
func produced(req *kmsg.ProduceRequest) (parts []replicas.ProducePartition, topics []int) {
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			at := replicas.ProducePartition{Partition: p.Partition, Records: p.Records}
			if req.Version >= 13 {
				at.TopicID = t.TopicID
			} else {
				at.Topic = t.Topic
			}
			parts = append(parts, at)
		}
		if len(t.Partitions) > 0 {
			topics = append(topics, len(t.Partitions))
		}
	}
	return parts, topics
}

// compareProduce decodes body with kmsg and with our decoder and reports where they differ.
func compareProduce(t *testing.T, version int16, body []byte) {
	t.Helper()
	x := codec(t, produceKey, version, body)
	p := x.conn.server.newProduceCall()
	p.x = x
	if err := p.decode(whole(x)); err != nil {
		return
	}
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	if err := req.ReadFrom(body); err != nil {
		t.Fatalf("version %d: kmsg refuses what we accept: %v: %x", version, err, body)
	}
	parts, topics := produced(req)
	got := append([]replicas.ProducePartition(nil), p.req.Partitions...)
	opt := cmp.Comparer(func(a, b replicas.ProducePartition) bool {
		return a.Topic == b.Topic && a.TopicID == b.TopicID && a.Partition == b.Partition && bytes.Equal(a.Records, b.Records)
	})
	if len(got) != len(parts) || len(got) > 0 && !cmp.Equal(got, parts, opt) {
		t.Fatalf("version %d: partitions differ: %v, kmsg has %v", version, got, parts)
	}
	if len(topics) != len(p.topics) || len(topics) > 0 && !cmp.Equal(topics, p.topics) {
		t.Fatalf("version %d: topics %v, kmsg has %v", version, p.topics, topics)
	}
	transactional := ""
	if req.TransactionID != nil && version >= 3 {
		transactional = *req.TransactionID
	}
	if p.req.Acks != req.Acks || p.req.Timeout != time.Duration(req.TimeoutMillis)*time.Millisecond ||
		p.req.TransactionalID != transactional {
		t.Fatalf("version %d: acks %d, timeout %v, transactional id %q; kmsg has %+v",
			version, p.req.Acks, p.req.Timeout, p.req.TransactionalID, req)
	}
}

// compareStream decodes body as a whole and while it arrives, and reports where the two differ.
func compareStream(t *testing.T, version int16, body []byte) {
	t.Helper()
	x := codec(t, produceKey, version, body)
	p := x.conn.server.newProduceCall()
	p.x = x
	wantErr := p.decode(whole(x))

	y := codec(t, produceKey, version, nil)
	y.stream = y.conn.server.windows.Open(bytes.NewReader(body), len(body))
	y.conn.waits = t.Context()
	var got []replicas.ProducePartition
	f := newFakes(t)
	f.produce = func(req *replicas.ProduceRequest) {
		at := req.Partitions[0]
		at.Records = bytes.Clone(at.Records)
		got = append(got, at)
		if req.Acks != p.req.Acks || req.Timeout != p.req.Timeout || req.TransactionalID != p.req.TransactionalID ||
			req.UsesTopicIDs != (version >= 13) {
			t.Errorf("version %d: request %+v, want %+v", version, req, &p.req)
		}
		if _, err := req.Parse(nil); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d must", version)) {
			t.Errorf("version %d: no batch is %v", version, err)
		}
		req.Done()
	}
	y.conn.server.services = f.services()
	q := y.conn.server.newProduceCall()
	q.x = y
	err := q.serveStream()
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("version %d: %v while it arrives, %v as a whole: %x", version, err, wantErr, body)
	}
	if frames, _ := y.conn.server.MemoryUsed(); frames != 0 {
		t.Fatalf("version %d: %d bytes are held", version, frames)
	}
	if err != nil {
		return
	}
	if want := p.req.Partitions; len(got) != len(want) || len(q.req.Partitions) != len(want) {
		t.Fatalf("version %d: %d partitions while it arrives, %d in the answer, %d as a whole",
			version, len(got), len(q.req.Partitions), len(want))
	}
	for i, want := range p.req.Partitions {
		if g := got[i]; g.Topic != want.Topic || g.TopicID != want.TopicID || g.Partition != want.Partition ||
			!bytes.Equal(g.Records, want.Records) {
			t.Fatalf("version %d: partition %+v, want %+v", version, g, want)
		}
	}
	if len(q.topics) != len(p.topics) || len(p.topics) > 0 && !cmp.Equal(q.topics, p.topics) {
		t.Fatalf("version %d: topics %v, want %v", version, q.topics, p.topics)
	}
}

func TestProduceIsDecodedAsKmsgDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for version := range int16(14) {
		for range 100 {
			req := kmsg.NewPtrProduceRequest()
			fill(r, req)
			req.SetVersion(version)
			body := req.AppendTo(nil)
			x := codec(t, produceKey, version, body)
			p := x.conn.server.newProduceCall()
			p.x = x
			if err := p.decode(whole(x)); err != nil {
				t.Fatalf("version %d: %v: %x", version, err, body)
			}
			compareProduce(t, version, body)
			if version >= oldestProduce {
				compareStream(t, version, body)
				compareStream(t, version, body[:r.IntN(len(body))])
			}
			for cut := range body {
				x.body = body[:cut]
				if p.decode(whole(x)) == nil {
					t.Fatalf("version %d: accepted when cut to %d of %d bytes", version, cut, len(body))
				}
			}
		}
	}
}

func FuzzProduceDecoder(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for version := range int16(14) {
		req := kmsg.NewPtrProduceRequest()
		fill(r, req)
		req.SetVersion(version)
		f.Add(version, req.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 0 || version > 13 {
			return
		}
		compareProduce(t, version, body)
		if version >= oldestProduce {
			compareStream(t, version, body)
		}
	})
}

func TestProduceAnswersAreWhatKmsgReads(t *testing.T) {
	for version := range int16(14) {
		x := codec(t, produceKey, version, nil)
		p := x.conn.server.newProduceCall()
		p.x, p.topics = x, []int{2, 1}
		p.req.Partitions = []replicas.ProducePartition{
			{Topic: "a", TopicID: metadata.TopicID{1}, Partition: 4, BaseOffset: 100, LogAppendTime: 5, LogStartOffset: 6},
			{
				Topic: "a", TopicID: metadata.TopicID{1}, Partition: 5, BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1,
				Err:          fault.New(fault.InvalidRecord, "one record is wrong"),
				RecordErrors: []replicas.RecordError{{Index: 3, Message: "no key"}, {Index: 4}},
			},
			{
				Topic: "b", TopicID: metadata.TopicID{2}, BaseOffset: -1, LogAppendTime: -1, LogStartOffset: -1,
				Err: fault.NotLeaderOrFollower, Leader: &replicas.LeaderHint{Leader: 1, LeaderEpoch: 9},
			},
		}
		p.encode(x)
		got := decodeAnswer(t, x, kmsg.NewPtrProduceResponse()).(*kmsg.ProduceResponse)

		want := kmsg.NewPtrProduceResponse()
		want.SetVersion(version)
		for i, at := range p.req.Partitions {
			if i != 1 {
				topic := kmsg.NewProduceResponseTopic()
				topic.Topic, topic.TopicID = at.Topic, at.TopicID
				want.Topics = append(want.Topics, topic)
			}
			out := kmsg.NewProduceResponseTopicPartition()
			out.Partition = at.Partition
			out.BaseOffset = at.BaseOffset
			out.LogAppendTime = at.LogAppendTime
			out.LogStartOffset = at.LogStartOffset
			if i == 1 {
				out.ErrorCode, out.ErrorMessage = kerr.InvalidRecord.Code, kmsg.StringPtr("one record is wrong")
				first, second := kmsg.NewProduceResponseTopicPartitionErrorRecord(),
					kmsg.NewProduceResponseTopicPartitionErrorRecord()
				first.RelativeOffset, first.ErrorMessage = 3, kmsg.StringPtr("no key")
				second.RelativeOffset = 4
				out.ErrorRecords = append(out.ErrorRecords, first, second)
			}
			if i == 2 {
				out.ErrorCode = kerr.NotLeaderForPartition.Code
				if version >= 10 {
					out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = 1, 9
				}
			}
			topic := &want.Topics[len(want.Topics)-1]
			topic.Partitions = append(topic.Partitions, out)
		}
		broker := kmsg.NewProduceResponseBroker()
		broker.NodeID = 1
		broker.Host = "broker"
		broker.Port = 9092
		broker.Rack = kmsg.StringPtr("r1")
		if version >= 10 {
			want.Brokers = append(want.Brokers, broker)
		}
		if a, b := want.AppendTo(nil), got.AppendTo(nil); !bytes.Equal(a, b) {
			t.Errorf("version %d:\n got %x\nwant %x", version, b, a)
		}
	}
}

// decodeAnswer reads x's encoded answer with kmsg, which must know every byte of it.
func decodeAnswer(t *testing.T, x *exchange, resp kmsg.Response) kmsg.Response {
	t.Helper()
	resp.SetVersion(x.version)
	body := append([]byte(nil), wholeAnswer(t, x)[4:]...)
	skip := 4
	if resp.IsFlexible() {
		skip++
	}
	if err := resp.ReadFrom(body[skip:]); err != nil {
		t.Fatalf("version %d: %v: %x", x.version, err, body)
	}
	if again := resp.AppendTo(nil); !bytes.Equal(again, body[skip:]) {
		t.Fatalf("version %d: kmsg reads\n%x\nas\n%x", x.version, body[skip:], again)
	}
	return resp
}

// wholeAnswer returns the answer with the files' bytes in their places.
func wholeAnswer(t *testing.T, x *exchange) []byte {
	t.Helper()
	var out []byte
	from := 0
	for _, f := range x.files {
		out = append(out, x.out.b[from:f.after]...)
		b := make([]byte, f.slice.Size)
		if err := f.slice.ReadInto(b); err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
		from = f.after
	}
	return append(out, x.out.b[from:]...)
}

// fetched is a Fetch request as kmsg reads it, in the form of our own decoder.
func FuzzHeader(f *testing.F) {
	f.Add(frameOf(kmsg.NewPtrMetadataRequest(), 1)[4:])
	f.Add([]byte{0, 18, 0, 4, 0, 0, 0, 1, 255, 255, 0})
	apis := indexAPIs(apiTable())
	flexible := func(key, version int16) bool {
		return key >= 0 && int(key) < len(apis) && apis[key] != nil && version >= apis[key].flexible
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := wire.NewReader(in, false)
		h, err := parseHeader(&r, flexible)
		if err == nil && 10+len(h.clientID)+len(r.Rest()) > len(in) {
			t.Fatalf("%d bytes of header and %d of body from %d", 10+len(h.clientID), len(r.Rest()), len(in))
		}
	})
}
