package replication

import (
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/adapters/internal/kafkatest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leader is a broker that is asked as the leader of everything.
type leader struct {
	beat     func(ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
	fetch    func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error)
	sessions bool // it has room for fetch sessions

	mu    sync.Mutex
	id    int32 // of the only fetch session; 0 for none
	epoch int32
	wants map[name]ports.ReplicaFetchPartition
	named []int // how many partitions each fetch has named
}

func (l *leader) handle(req kmsg.Request) kmsg.Response {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch req := req.(type) {
	case *kmsg.BrokerHeartbeatRequest:
		return l.handleBeat(req)
	case *kmsg.FetchRequest:
		return l.handleFetch(req)
	}
	return nil
}

func (l *leader) handleBeat(req *kmsg.BrokerHeartbeatRequest) kmsg.Response {
	resp := kmsg.NewPtrBrokerHeartbeatResponse()
	reply, err := l.beat(ports.BrokerHeartbeat{
		BrokerID:      req.BrokerID,
		BrokerEpoch:   req.BrokerEpoch,
		MetadataIndex: req.CurrentMetadataOffset,
		WantFence:     req.WantFence,
		WantShutDown:  req.WantShutdown,
	})
	resp.ErrorCode, _ = kafkaerrors.Code(err)
	resp.IsCaughtUp, resp.IsFenced, resp.ShouldShutdown = reply.CaughtUp, reply.Fenced, reply.ShouldShutDown
	return resp
}

// handleFetch keeps a fetch session as KIP-227 has it.
func (l *leader) handleFetch(req *kmsg.FetchRequest) kmsg.Response {
	resp := kmsg.NewPtrFetchResponse()
	switch {
	case req.SessionID == 0:
		l.wants = make(map[name]ports.ReplicaFetchPartition)
		l.epoch = 0
		if l.sessions {
			l.id++
		}
	case req.SessionID != l.id:
		resp.ErrorCode = kerr.FetchSessionIDNotFound.Code
		return resp
	case req.SessionEpoch != l.epoch+1:
		resp.ErrorCode = kerr.InvalidFetchSessionEpoch.Code
		return resp
	default:
		l.epoch++
	}
	named := 0
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			named++
			l.wants[name{t.TopicID, p.Partition}] = ports.ReplicaFetchPartition{
				TopicID: t.TopicID, Partition: p.Partition, Offset: p.FetchOffset, LogStart: p.LogStartOffset,
				LeaderEpoch: p.CurrentLeaderEpoch, LastEpoch: p.LastFetchedEpoch, MaxBytes: p.PartitionMaxBytes,
			}
		}
	}
	for _, t := range req.ForgottenTopics {
		for _, p := range t.Partitions {
			delete(l.wants, name{t.TopicID, p})
		}
	}
	l.named = append(l.named, named)
	l.answer(req, resp)
	return resp
}

// answer fills in what fetch says of all partitions that are wanted.
func (l *leader) answer(req *kmsg.FetchRequest, resp *kmsg.FetchResponse) {
	ask := ports.ReplicaFetch{
		BrokerEpoch: req.ReplicaState.Epoch,
		MaxWait:     time.Duration(req.MaxWaitMillis) * time.Millisecond,
		MinBytes:    req.MinBytes,
		MaxBytes:    req.MaxBytes,
	}
	for _, p := range l.wants {
		ask.Partitions = append(ask.Partitions, p)
	}
	answers, err := l.fetch(ask)
	resp.ErrorCode, _ = kafkaerrors.Code(err)
	if l.sessions {
		resp.SessionID = l.id
	}
	for _, a := range answers {
		topic, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.TopicID = a.TopicID
		part.Partition = a.Partition
		part.HighWatermark = a.HighWatermark
		part.LogStartOffset = a.LogStart
		part.RecordBatches = a.Records
		part.ErrorCode, _ = kafkaerrors.Code(a.Err)
		if a.Diverging {
			part.DivergingEpoch.Epoch, part.DivergingEpoch.EndOffset = a.DivergingEpoch, a.DivergingEnd
		}
		topic.Partitions = append(topic.Partitions, part)
		resp.Topics = append(resp.Topics, topic)
	}
}

// follow returns the peers of broker 1, which reach a leader as broker porttest.Asked, and that broker.
func follow(t *testing.T, l *leader) (*Peers, *kafkatest.Broker) {
	t.Helper()
	asked, absent := kafkatest.Start(t, nil, l.handle), kafkatest.Start(t, nil, nil)
	absent.Close()
	addresses := map[int32]string{porttest.Asked: asked.Address(), porttest.Absent: absent.Address()}
	p := New(Settings{
		NodeID:  1,
		Address: func(node int32) (string, bool) { a, ok := addresses[node]; return a, ok },
		Logger:  slog.New(slog.DiscardHandler),
	})
	t.Cleanup(p.Close)
	return p, asked
}

func TestPeersKeepTheContractOfHeartbeats(t *testing.T) {
	type answers = func(ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
	porttest.Heartbeats(t, func(t *testing.T, answer answers) ports.Heartbeats {
		p, _ := follow(t, &leader{beat: answer})
		return p
	})
}

func TestPeersKeepTheContractOfReplicaFetcher(t *testing.T) {
	for name, sessions := range map[string]bool{"in sessions": true, "without sessions": false} {
		t.Run(name, func(t *testing.T) {
			porttest.ReplicaFetcher(t,
				func(t *testing.T, answer func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error)) ports.ReplicaFetcher {
					p, _ := follow(t, &leader{fetch: answer, sessions: sessions})
					return p
				})
		})
	}
}

func want(offsets ...int64) ports.ReplicaFetch {
	var req ports.ReplicaFetch
	for n, offset := range offsets {
		req.Partitions = append(req.Partitions,
			ports.ReplicaFetchPartition{TopicID: metadata.TopicID{1}, Partition: int32(n), Offset: offset})
	}
	return req
}

func nothing(ports.ReplicaFetch) ([]ports.ReplicaFetched, error) { return nil, nil }

func TestASessionNamesOnlyWhatHasChanged(t *testing.T) {
	l := &leader{fetch: nothing, sessions: true}
	p, broker := follow(t, l)
	fetch := func(wantErr error, offsets ...int64) {
		t.Helper()
		if _, err := p.Fetch(t.Context(), porttest.Asked, want(offsets...)); !errors.Is(err, wantErr) {
			t.Fatalf("Fetch() = %v", err)
		}
	}
	fetch(nil, 1, 2, 3)
	fetch(nil, 1, 2, 3)
	fetch(nil, 1, 9, 3)
	l.id++ // the leader has forgotten the session
	fetch(nil, 1, 9, 3)
	fetch(nil, 1, 9, 3)
	broker.HangUp()
	fetch(fault.BrokerNotAvailable, 1, 9, 3)
	fetch(nil, 1, 9, 3)
	l.epoch++ // an answer was lost
	fetch(nil, 1, 9, 3)
	fetch(nil, 1, 9, 3)
	if want := []int{3, 0, 1, 3, 3, 3}; !slices.Equal(l.named, want) {
		t.Errorf("partitions named by the fetches: %v, want %v", l.named, want)
	}
}

// TestASessionEndsWhereABrokerHasNoAddress has the next fetch name all partitions, as the port promises after an error.
func TestASessionEndsWhereABrokerHasNoAddress(t *testing.T) {
	l := &leader{fetch: nothing, sessions: true}
	address, known := kafkatest.Start(t, nil, l.handle).Address(), true
	p := New(Settings{
		NodeID: 1, Address: func(int32) (string, bool) { return address, known }, Logger: slog.New(slog.DiscardHandler),
	})
	defer p.Close()
	for _, known = range []bool{true, false, true} {
		if _, err := p.Fetch(t.Context(), 2, want(1, 2)); (err == nil) != known {
			t.Errorf("with an address %t: Fetch() = %v", known, err)
		}
	}
	if want := []int{2, 2}; !slices.Equal(l.named, want) {
		t.Errorf("partitions named by the fetches: %v, want %v", l.named, want)
	}
}

func TestABrokerThatHasMovedIsAskedAtItsNewAddress(t *testing.T) {
	var address string
	p := New(Settings{
		NodeID:  1,
		Address: func(int32) (string, bool) { return address, true },
		Logger:  slog.New(slog.DiscardHandler),
	})
	defer p.Close()
	for n := range 2 {
		l := &leader{sessions: true, fetch: func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error) {
			return []ports.ReplicaFetched{{HighWatermark: int64(n)}}, nil
		}}
		address = kafkatest.Start(t, nil, l.handle).Address()
		got, err := p.Fetch(t.Context(), 2, want(5))
		if err != nil || len(got) != 1 || got[0].HighWatermark != int64(n) || l.named[0] != 1 {
			t.Errorf("at address %d: %+v, %v", n, got, err)
		}
	}
}

func TestNoRequestIsSentToAnUnknownBrokerOrAfterClose(t *testing.T) {
	p, _ := follow(t, &leader{fetch: nothing})
	if _, err := p.Fetch(t.Context(), 7, want(1)); !errors.Is(err, fault.BrokerNotAvailable) {
		t.Errorf("a broker without address: %v", err)
	}
	p.Close()
	if _, err := p.Fetch(t.Context(), porttest.Asked, want(1)); !errors.Is(err, fault.BrokerNotAvailable) {
		t.Errorf("after Close: %v", err)
	}
	p.Close()
}
