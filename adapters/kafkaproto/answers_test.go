package kafkaproto

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func TestLargeFetchesComeFromTheirFiles(t *testing.T) {
	for _, way := range []struct {
		name string
		copy bool
	}{{"by sendfile", false}, {"by copying", true}} {
		t.Run(way.name, func(t *testing.T) {
			f := newFakes(t)
			var want [3][]byte
			f.fetch = func(_ context.Context, req *replicas.FetchRequest) *replicas.FetchResponse {
				resp := new(replicas.FetchResponse)
				for i, n := range []int{5 << 20, 100, copyBelow} {
					got := replicas.FetchedPartition{
						FetchTarget:          replicas.FetchTarget{Topic: "orders", Partition: int32(i)},
						PreferredReadReplica: -1,
					}
					got.Records, want[i] = slice(t, n)
					resp.Partitions = append(resp.Partitions, got)
				}
				return resp
			}
			s := start(t, f)
			c := s.dial(t)
			ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())
			if way.copy {
				s.eachConn(func(c *conn) { c.raw = nil })
			}
			req := kmsg.NewPtrFetchRequest()
			req.SetVersion(12)
			before := openFiles(t)
			for range 3 {
				resp := ask[*kmsg.FetchResponse](c, req)
				for i, p := range resp.Topics[0].Partitions {
					if !bytes.Equal(p.RecordBatches, want[i]) {
						t.Fatalf("partition %d: %d bytes, want %d", i, len(p.RecordBatches), len(want[i]))
					}
				}
			}
			eventually(t, "the files are released", func() bool { return openFiles(t) <= before })
		})
	}
}

// openFiles returns the number of this process's file descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(entries)
}

func TestAClientThatDoesNotReadDoesNotDisturbOthersAndIsDisconnected(t *testing.T) {
	f := newFakes(t)
	f.fetch = func(context.Context, *replicas.FetchRequest) *replicas.FetchResponse {
		got := replicas.FetchedPartition{FetchTarget: replicas.FetchTarget{Topic: "orders"}, PreferredReadReplica: -1}
		got.Records, _ = slice(t, 32<<20)
		return &replicas.FetchResponse{Partitions: []replicas.FetchedPartition{got}}
	}
	s := start(t, f, fastTicks, func(st *Settings, _ *Server) { st.Limits.Stall = 200 * time.Millisecond })
	before := openFiles(t)
	slow := s.dial(t)
	slow.send(kmsg.NewPtrFetchRequest()) // version 0 is unknown: closes
	slow.wantClosed()
	_ = slow.Close()
	slow = s.dial(t)
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	slow.send(fetch)
	other := s.dial(t)
	ask[*kmsg.MetadataResponse](other, kmsg.NewPtrMetadataRequest())
	eventually(t, "the slow client's connection is closed", func() bool { return s.log.count("stalled") == 1 })
	ask[*kmsg.MetadataResponse](other, kmsg.NewPtrMetadataRequest())
	_ = slow.Close()
	_ = other.Close()
	eventually(t, "everything is released", func() bool { return s.Connections() == 0 && openFiles(t) <= before })
}

func TestLargeAnswersWaitForMemoryAndAllCome(t *testing.T) {
	f := newFakes(t)
	for i := range 300 {
		id := metadata.TopicID{3, byte(i >> 8), byte(i)}
		f.apply(t, metadata.CreateTopic{Name: "topic-" + strconv.Itoa(i), ID: id, Partitions: 10, ReplicationFactor: 1})
	}
	const capacity = 1 << 20
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.ResponseMemory = capacity })
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(12)
	req.Topics = nil
	var clients sync.WaitGroup
	for range 30 {
		c := s.dial(t)
		clients.Go(func() {
			for range 3 {
				if got := len(ask[*kmsg.MetadataResponse](c, req).Topics); got != 302 {
					t.Errorf("%d topics", got)
				}
			}
		})
	}
	ended := make(chan struct{})
	go func() { clients.Wait(); close(ended) }()
	for {
		select {
		case <-ended:
			return
		default:
		}
		if _, answers := s.MemoryUsed(); answers > 2*capacity {
			t.Fatalf("%d bytes are held for answers, allowed %d", answers, capacity)
		}
		runtime.Gosched()
	}
}
