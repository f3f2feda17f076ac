package kafkaproto

import (
	"bytes"
	"context"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
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

// A request of a few bytes for each may name a large group, or a partition with many producers, as often as it likes.
func TestNamingOneThingAgainAndAgainMakesNoAnswerOfAnySize(t *testing.T) {
	const capacity, times = 1 << 20, 2000
	f := newFakes(t)
	f.producers = make([]partition.Producer, 1000)
	f.describe = func(id string) classic.Description {
		member := classic.MemberDescription{MemberID: "m", Metadata: make([]byte, 100<<10)}
		return classic.Description{Group: id, State: "Stable", Members: []classic.MemberDescription{member}}
	}
	metadata := group.Offset{Metadata: strings.Repeat("m", 4000)}
	f.offsets = func(asked []group.TopicPartition) []group.FetchedOffset {
		if asked == nil {
			asked = make([]group.TopicPartition, 10)
		}
		fetched := make([]group.FetchedOffset, len(asked))
		for i := range fetched {
			fetched[i].Offset = metadata
		}
		return fetched
	}
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.ResponseMemory = capacity })
	c := s.dial(t)
	groups := kmsg.NewPtrDescribeGroupsRequest()
	groups.Groups = slices.Repeat([]string{"g"}, times)
	offsets := kmsg.NewPtrOffsetFetchRequest()
	offsets.SetVersion(8)
	offsets.Groups = slices.Repeat([]kmsg.OffsetFetchRequestGroup{{Group: "g"}}, times)
	producers := kmsg.NewPtrDescribeProducersRequest()
	producers.Topics = []kmsg.DescribeProducersRequestTopic{{Topic: "orders", Partitions: make([]int32, times)}}
	for req, codes := range map[kmsg.Request]func(kmsg.Response) (first, last int16){
		groups: func(r kmsg.Response) (first, last int16) {
			all := r.(*kmsg.DescribeGroupsResponse).Groups
			return all[0].ErrorCode, all[times-1].ErrorCode
		},
		offsets: func(r kmsg.Response) (first, last int16) {
			all := r.(*kmsg.OffsetFetchResponse).Groups
			return all[0].ErrorCode, all[times-1].ErrorCode
		},
		producers: func(r kmsg.Response) (first, last int16) {
			all := r.(*kmsg.DescribeProducersResponse).Topics[0].Partitions
			return all[0].ErrorCode, all[times-1].ErrorCode
		},
	} {
		resp := ask[kmsg.Response](c, req)
		size := len(resp.AppendTo(nil))
		if first, last := codes(resp); first != 0 || last == 0 || size > capacity+100*times {
			t.Errorf("%T has %d bytes, and the error codes %d first and %d last", resp, size, first, last)
		}
	}

	one := kmsg.NewPtrOffsetFetchRequest()
	one.SetVersion(2)
	one.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: make([]int32, times)}}
	if resp := ask[*kmsg.OffsetFetchResponse](c, one); resp.ErrorCode == 0 || len(resp.Topics) > 0 {
		t.Errorf("one group: error code %d, and %d topics", resp.ErrorCode, len(resp.Topics))
	}

	configs := kmsg.NewPtrDescribeConfigsRequest()
	configs.SetVersion(1)
	configs.Resources = make([]kmsg.DescribeConfigsRequestResource, times)
	all := ask[*kmsg.DescribeConfigsResponse](c, configs).Resources
	if first, last := all[0].ErrorCode, all[times-1].ErrorCode; first != 0 || last == 0 {
		t.Errorf("configs have the error codes %d first and %d last", first, last)
	}
}

// Answers that are made in parts count as others do, when they are not small.
func TestAnswersInPartsHoldMemoryUntilTheyAreSent(t *testing.T) {
	f := newFakes(t)
	f.describe = func(id string) classic.Description {
		member := classic.MemberDescription{MemberID: "m", Metadata: make([]byte, 16<<20)}
		return classic.Description{Group: id, State: "Stable", Members: []classic.MemberDescription{member}}
	}
	s := start(t, f)
	c := s.dial(t)
	req := kmsg.NewPtrDescribeGroupsRequest()
	req.Groups = []string{"g"}
	c.send(req)
	eventually(t, "the answer is counted", func() bool {
		_, answers := s.MemoryUsed()
		return answers >= 16<<20
	})
	c.receiveRaw()
	eventually(t, "it is not counted any more", func() bool {
		_, answers := s.MemoryUsed()
		return answers == 0
	})
}
