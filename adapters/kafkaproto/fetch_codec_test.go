package kafkaproto

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

func fetched(req *kmsg.FetchRequest) replicas.FetchRequest {
	v := req.Version
	out := replicas.FetchRequest{
		Client:        "tester",
		FromFollowers: v >= 11,
		MaxWait:       time.Duration(max(req.MaxWaitMillis, 0)) * time.Millisecond,
		MinBytes:      req.MinBytes,
		MaxBytes:      req.MaxBytes,
		ReadCommitted: req.IsolationLevel == 1,
		SessionEpoch:  -1,
		UsesTopicIDs:  v >= 13,
	}
	if v >= 7 {
		out.SessionID, out.SessionEpoch = req.SessionID, req.SessionEpoch
	}
	if v >= 11 {
		out.Rack = req.Rack
	}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			at := replicas.FetchPartition{
				FetchTarget: replicas.FetchTarget{Partition: p.Partition}, Offset: p.FetchOffset, MaxBytes: p.PartitionMaxBytes,
				CurrentLeaderEpoch: -1, LastFetchedEpoch: -1, LogStartOffset: -1,
			}
			if at.Topic = t.Topic; v >= 13 {
				at.Topic, at.TopicID = "", t.TopicID
			}
			if v >= 5 {
				at.LogStartOffset = p.LogStartOffset
			}
			if v >= 9 {
				at.CurrentLeaderEpoch = p.CurrentLeaderEpoch
			}
			if v >= 12 {
				at.LastFetchedEpoch = p.LastFetchedEpoch
			}
			out.Partitions = append(out.Partitions, at)
		}
	}
	for _, t := range req.ForgottenTopics {
		for _, p := range t.Partitions {
			at := replicas.FetchTarget{Topic: t.Topic, Partition: p}
			if v >= 13 {
				at.Topic, at.TopicID = "", t.TopicID
			}
			out.Forgotten = append(out.Forgotten, at)
		}
	}
	return out
}

func compareFetch(t *testing.T, version int16, body []byte) {
	t.Helper()
	x := codec(t, fetchKey, version, body)
	f := new(fetchCall)
	if err := f.decode(x); err != nil {
		return
	}
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(version)
	if err := req.ReadFrom(body); err != nil {
		return // a tag that is not decoded
	}
	want := fetched(req)
	if diff := cmp.Diff(want, f.req, emptyIsNil()); diff != "" {
		t.Fatalf("version %d: (-kmsg +ours)\n%s", version, diff)
	}
	follower := replicas.Follower{ID: req.ReplicaID, Epoch: -1}
	if version >= 15 {
		follower = replicas.Follower{ID: req.ReplicaState.ID, Epoch: req.ReplicaState.Epoch}
	}
	if f.follower != follower {
		t.Fatalf("version %d: replica %+v, kmsg has %+v", version, f.follower, follower)
	}
}

// emptyIsNil makes cmp take an empty slice for nil.
func emptyIsNil() cmp.Option {
	return cmp.FilterPath(func(p cmp.Path) bool {
		a, b := p.Last().Values()
		return a.IsValid() && b.IsValid() && a.Kind().String() == "slice" && a.Len() == 0 && b.Len() == 0
	}, cmp.Ignore())
}

func TestFetchIsDecodedAsKmsgDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for version := int16(4); version <= 18; version++ {
		for range 100 {
			req := kmsg.NewPtrFetchRequest()
			fill(r, req)
			req.SetVersion(version)
			body := req.AppendTo(nil)
			x := codec(t, fetchKey, version, body)
			if err := new(fetchCall).decode(x); err != nil {
				t.Fatalf("version %d: %v: %x", version, err, body)
			}
			compareFetch(t, version, body)
			for cut := range body {
				x.body = body[:cut]
				if new(fetchCall).decode(x) == nil {
					t.Fatalf("version %d: accepted when cut to %d of %d bytes", version, cut, len(body))
				}
			}
		}
	}
}

func FuzzFetchDecoder(f *testing.F) {
	r := rand.New(rand.NewPCG(13, 14))
	for version := int16(4); version <= 18; version++ {
		req := kmsg.NewPtrFetchRequest()
		fill(r, req)
		req.SetVersion(version)
		f.Add(version, req.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version < 4 || version > 18 {
			return
		}
		compareFetch(t, version, body)
	})
}

// segment is a file as logs have them.
type segment struct{ *os.File }

func (s segment) Descriptor() (uintptr, bool) { return s.Fd(), true }

// slice returns n bytes in a file, from offset 10 on.
func slice(t testing.TB, n int) (ports.Slice, []byte) {
	t.Helper()
	f, content := segmentOf(t, n)
	return ports.NewSlice(f, 10, n, f), content
}

// segmentOf returns the file of slice, and what the slice has of it.
func segmentOf(t testing.TB, n int) (segment, []byte) {
	t.Helper()
	content := make([]byte, 10+n+10)
	for i := range content {
		content[i] = byte(i * 7)
	}
	name := filepath.Join(t.TempDir(), "segment")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return segment{f}, content[10 : 10+n]
}

func TestFetchAnswersAreWhatKmsgReads(t *testing.T) {
	for version := int16(4); version <= 18; version++ {
		small, smallBytes := slice(t, 100)
		large, largeBytes := slice(t, 3*copyBelow)
		resp := &replicas.FetchResponse{SessionID: 77, Partitions: []replicas.FetchedPartition{
			{
				FetchTarget:   replicas.FetchTarget{Topic: "a", TopicID: metadata.TopicID{1}, Partition: 1},
				HighWatermark: 50, LastStableOffset: 40, LogStartOffset: 3, PreferredReadReplica: -1, Records: small,
			},
			{
				FetchTarget:   replicas.FetchTarget{Topic: "a", TopicID: metadata.TopicID{1}, Partition: 2},
				HighWatermark: 51, LastStableOffset: 41, LogStartOffset: 4, PreferredReadReplica: 8, Records: large,
				Aborted: []replicas.AbortedTxn{{ProducerID: 5, FirstOffset: 6}},
			},
			{
				FetchTarget: replicas.FetchTarget{Topic: "b", TopicID: metadata.TopicID{2}}, Err: fault.NotLeaderOrFollower,
				HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1,
				Diverging: &replicas.EpochEndOffset{Epoch: 2, EndOffset: 30},
				Leader:    &replicas.LeaderHint{Leader: 1, LeaderEpoch: 9},
			},
		}}
		x := codec(t, fetchKey, version, nil)
		x.fetched = resp
		x.encodeFetch(resp, false, false)
		got := decodeAnswer(t, x, kmsg.NewPtrFetchResponse()).(*kmsg.FetchResponse)

		want := kmsg.NewPtrFetchResponse()
		want.SetVersion(version)
		want.SessionID = 77
		for i, at := range resp.Partitions {
			if i != 1 {
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.TopicID = at.Topic, at.TopicID
				want.Topics = append(want.Topics, topic)
			}
			out := kmsg.NewFetchResponseTopicPartition()
			out.Partition, out.HighWatermark, out.LastStableOffset = at.Partition, at.HighWatermark, at.LastStableOffset
			out.LogStartOffset, out.PreferredReadReplica = at.LogStartOffset, at.PreferredReadReplica
			switch i {
			case 0:
				out.RecordBatches = smallBytes
			case 1:
				out.RecordBatches = largeBytes
				aborted := kmsg.NewFetchResponseTopicPartitionAbortedTransaction()
				aborted.ProducerID, aborted.FirstOffset = 5, 6
				out.AbortedTransactions = append(out.AbortedTransactions, aborted)
			case 2:
				out.ErrorCode, out.RecordBatches = kerr.NotLeaderForPartition.Code, []byte{}
				out.DivergingEpoch.Epoch, out.DivergingEpoch.EndOffset = 2, 30
				if version >= 16 {
					out.CurrentLeader.LeaderID, out.CurrentLeader.LeaderEpoch = 1, 9
				}
			}
			topic := &want.Topics[len(want.Topics)-1]
			topic.Partitions = append(topic.Partitions, out)
		}
		broker := kmsg.NewFetchResponseBroker()
		broker.NodeID = 1
		broker.Host = "broker"
		broker.Port = 9092
		broker.Rack = kmsg.StringPtr("r1")
		if version >= 16 {
			want.Brokers = append(want.Brokers, broker)
		}
		if a, b := want.AppendTo(nil), got.AppendTo(nil); !bytes.Equal(a, b) {
			t.Errorf("version %d: the answer differs from kmsg's: %d and %d bytes", version, len(b), len(a))
		}
		resp.Release()
	}
}

// memory is a source of records without a file.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

func TestRecordsThatAreInNoFileAreCopiedToTheSocket(t *testing.T) {
	content := bytes.Repeat([]byte{1, 2, 3}, copyAtMost)
	m := memory{bytes.NewReader(content)}
	s := ports.NewSlice(m, 3, len(content)-3, m)
	if _, _, ok := s.Descriptor(); ok {
		t.Fatal("there is a descriptor")
	}
	f := newFakes(t)
	f.fetch = func(context.Context, *replicas.FetchRequest) *replicas.FetchResponse {
		return &replicas.FetchResponse{Partitions: []replicas.FetchedPartition{{
			FetchTarget: replicas.FetchTarget{Topic: "a"}, PreferredReadReplica: -1, Records: s,
		}}}
	}
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	req.Topics = []kmsg.FetchRequestTopic{{Topic: "a", Partitions: make([]kmsg.FetchRequestTopicPartition, 1)}}
	got := ask[*kmsg.FetchResponse](start(t, f).dial(t), req)
	if at := got.Topics[0].Partitions[0]; at.ErrorCode != 0 || !bytes.Equal(at.RecordBatches, content[3:]) {
		t.Errorf("code %d and %d bytes, want the %d", at.ErrorCode, len(at.RecordBatches), len(content)-3)
	}
}

func TestRecordsThatCannotBeReadBecomeAStorageError(t *testing.T) {
	f, _ := segmentOf(t, 100)
	s := ports.NewSlice(f, 10, 100, f)
	if err := f.Truncate(0); err == nil {
		t.Fatal("a read-only file was truncated")
	}
	if err := os.Truncate(f.Name(), 20); err != nil {
		t.Fatal(err)
	}
	x := codec(t, fetchKey, 12, nil)
	x.conn.server.log = discard()
	resp := &replicas.FetchResponse{Partitions: []replicas.FetchedPartition{
		{FetchTarget: replicas.FetchTarget{Topic: "a"}, Records: s},
	}}
	x.encodeFetch(resp, false, false)
	got := decodeAnswer(t, x, kmsg.NewPtrFetchResponse()).(*kmsg.FetchResponse)
	if at := got.Topics[0].Partitions[0]; at.ErrorCode != kerr.KafkaStorageError.Code || len(at.RecordBatches) != 0 {
		t.Errorf("got %+v", at)
	}
	resp.Release()
}
