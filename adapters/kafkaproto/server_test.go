package kafkaproto

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func produceRequest(acks int16, topic string, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	req.Acks = acks
	t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	t.Topic, p.Records = topic, records
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// heldProduces keeps produces without their answers until the test gives them.
type heldProduces struct {
	mu   sync.Mutex
	reqs []*broker.ProduceRequest
}

func (h *heldProduces) produce(req *broker.ProduceRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reqs = append(h.reqs, req)
}

func (h *heldProduces) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.reqs)
}

// answer gives the i-th produce its answer.
func (h *heldProduces) answer(i int, offset int64, err error) {
	h.mu.Lock()
	req := h.reqs[i]
	h.mu.Unlock()
	req.Partitions[0].BaseOffset, req.Partitions[0].Err = offset, err
	req.Done()
}

func TestAnswersLeaveInTheOrderOfTheirRequests(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	c := start(t, f).dial(t)

	var pipelined []byte
	first, second, metadata := produceRequest(-1, "orders", []byte("one")), produceRequest(-1, "orders", []byte("two")), kmsg.NewPtrMetadataRequest()
	for i, req := range []kmsg.Request{first, metadata, second, metadata} {
		pipelined = append(pipelined, frameOf(req, int32(i))...)
	}
	c.write(pipelined)
	eventually(t, "the reader goes on while a produce waits", func() bool { return held.len() == 2 })
	held.answer(1, 22, nil) // the later one is durable first
	held.answer(0, 11, nil)

	if got := receive[*kmsg.ProduceResponse](c, first, 0).Topics[0].Partitions[0].BaseOffset; got != 11 {
		t.Errorf("the first produce has offset %d", got)
	}
	receive[*kmsg.MetadataResponse](c, metadata, 1)
	if got := receive[*kmsg.ProduceResponse](c, second, 2).Topics[0].Partitions[0].BaseOffset; got != 22 {
		t.Errorf("the second produce has offset %d", got)
	}
	receive[*kmsg.MetadataResponse](c, metadata, 3)
}

func TestManyPipelinedProducesAreAllAnsweredInOrder(t *testing.T) {
	f := newFakes(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	f.produce = func(req *broker.ProduceRequest) {
		if len(req.Partitions[0].Records)%3 == 0 {
			req.Done()
			return
		}
		wg.Go(req.Done)
	}
	s := start(t, f)
	for range 4 {
		wg.Go(func() {
			c := s.dial(t)
			const n = 2000
			go func() {
				for i := range n {
					if _, err := c.Write(frameOf(produceRequest(-1, "orders", make([]byte, i%50)), int32(i))); err != nil {
						return
					}
				}
			}()
			for i := range n {
				if got := int32(binary.BigEndian.Uint32(c.receiveRaw())); got != int32(i) {
					t.Errorf("answer %d comes in place of %d", got, i)
					return
				}
			}
		})
	}
}

func TestTheNumberOfPendingAnswersIsBounded(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.PendingAnswers = 3 })
	c := s.dial(t)
	req := produceRequest(-1, "orders", []byte("x"))
	for i := range 10 {
		c.write(frameOf(req, int32(i)))
	}
	for i := range 10 {
		eventually(t, "the next produce is read", func() bool { return held.len() > i })
		if n := held.len(); n > i+3 {
			t.Fatalf("%d produces are under way", n-i)
		}
		held.answer(i, int64(i), nil)
		receive[*kmsg.ProduceResponse](c, req, int32(i))
	}
}

func TestProduceWithoutAcknowledgementHasNoAnswer(t *testing.T) {
	s := start(t, newFakes(t))
	c := s.dial(t)
	c.send(produceRequest(0, "orders", []byte("x")))
	ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())
}

func TestAFailedProduceWithoutAcknowledgementClosesTheConnection(t *testing.T) {
	f := newFakes(t)
	f.produce = func(req *broker.ProduceRequest) {
		req.Partitions[0].Err = fault.NotLeaderOrFollower
		req.Done()
	}
	c := start(t, f).dial(t)
	c.send(produceRequest(0, "orders", []byte("x")))
	c.wantClosed()
}

func TestProduceInAVersionThatIsTooOldIsRefused(t *testing.T) {
	s := start(t, newFakes(t))
	c := s.dial(t)
	for version := range int16(3) {
		req := produceRequest(1, "orders", nil)
		req.SetVersion(version)
		at := ask[*kmsg.ProduceResponse](c, req).Topics[0].Partitions[0]
		if at.ErrorCode != kerr.UnsupportedVersion.Code || at.BaseOffset != -1 {
			t.Errorf("version %d: %+v", version, at)
		}
	}
	if s.log.count("too old") == 0 {
		t.Error("nothing is logged")
	}
}

func TestRecordsArriveAsTheyWereSentAndTheFrameIsFreeAfterwards(t *testing.T) {
	f := newFakes(t)
	var got []byte
	f.produce = func(req *broker.ProduceRequest) {
		got = bytes.Clone(req.Partitions[0].Records)
		req.Done()
	}
	s := start(t, f)
	c := s.dial(t)
	for _, size := range []int{0, 1, 300, readAhead, 5000, firstRead - 1, firstRead, 3 * firstRead, 900_000} {
		records := bytes.Repeat([]byte{byte(size), 2, 3}, size/3+1)[:size]
		ask[*kmsg.ProduceResponse](c, produceRequest(-1, "orders", records))
		if !bytes.Equal(got, records) {
			t.Errorf("%d bytes of records arrive as %d, or changed", size, len(got))
		}
	}
	eventually(t, "no memory is held", func() bool {
		frames, answers := s.MemoryUsed()
		return frames == 0 && answers == 0
	})
}

func TestLargeFetchesComeFromTheirFiles(t *testing.T) {
	for _, way := range []struct {
		name string
		copy bool
	}{{"by sendfile", false}, {"by copying", true}} {
		t.Run(way.name, func(t *testing.T) {
			f := newFakes(t)
			var want [3][]byte
			f.fetch = func(_ context.Context, req *broker.FetchRequest) *broker.FetchResponse {
				resp := new(broker.FetchResponse)
				for i, n := range []int{5 << 20, 100, copyBelow} {
					got := broker.FetchedPartition{FetchTarget: broker.FetchTarget{Topic: "orders", Partition: int32(i)}, PreferredReadReplica: -1}
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
			eventually(t, "the files are let go", func() bool { return openFiles(t) <= before })
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

func TestAClientThatDoesNotReadDoesNotDisturbOthersAndIsLetGo(t *testing.T) {
	f := newFakes(t)
	f.fetch = func(context.Context, *broker.FetchRequest) *broker.FetchResponse {
		got := broker.FetchedPartition{FetchTarget: broker.FetchTarget{Topic: "orders"}, PreferredReadReplica: -1}
		got.Records, _ = slice(t, 32<<20)
		return &broker.FetchResponse{Partitions: []broker.FetchedPartition{got}}
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
	eventually(t, "everything is let go", func() bool { return s.Connections() == 0 && openFiles(t) <= before })
}

// fastTicks makes the server look for dead connections often.
func fastTicks(_ *Settings, s *Server) {
	if s != nil {
		s.tickTime = 10 * time.Millisecond
	}
}

func TestIdleConnectionsAreClosedAndBusyOnesAreNot(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	f.ints["connections.max.idle.ms"] = 100
	s := start(t, f, fastTicks)
	busy := s.dial(t)
	req := produceRequest(-1, "orders", []byte("x"))
	id := busy.send(req)
	eventually(t, "the produce is under way", func() bool { return held.len() == 1 })
	idle := s.dial(t)
	idle.wantClosed()
	held.answer(0, 5, nil)
	receive[*kmsg.ProduceResponse](busy, req, id)
}

func TestAFrameThatDoesNotComeToItsEndIsGivenUp(t *testing.T) {
	s := start(t, newFakes(t), fastTicks, func(st *Settings, _ *Server) { st.Limits.Stall = 100 * time.Millisecond })
	c := s.dial(t)
	c.write([]byte{0, 0, 1, 0, 0, 3})
	c.wantClosed()
	eventually(t, "no memory is held", func() bool { frames, _ := s.MemoryUsed(); return frames == 0 })
}

func TestAnAnnouncedFrameTakesMemoryOnlyAsItComes(t *testing.T) {
	f := newFakes(t)
	f.ints["socket.request.max.bytes"] = 100 << 20
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.RequestMemory = 128 << 20 })
	c := s.dial(t)
	c.write([]byte{0x06, 0x40, 0, 0}) // 100 MiB
	ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
	if frames, _ := s.MemoryUsed(); frames != 0 {
		t.Errorf("%d bytes are held for a frame of which nothing has come", frames)
	}
	c.write(make([]byte, 200_000))
	eventually(t, "memory is held", func() bool { frames, _ := s.MemoryUsed(); return frames >= 200_000 })
	if frames, _ := s.MemoryUsed(); frames > 400_000 {
		t.Errorf("%d bytes are held for a frame of which 200,000 have come", frames)
	}
}

func TestFullMemoryStopsReadingAndFailsNothing(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.RequestMemory = 1 << 20 })
	req := produceRequest(-1, "orders", make([]byte, 400<<10))
	var clients []*client
	for range 8 {
		c := s.dial(t)
		go func() { _, _ = c.Write(frameOf(req, 1)) }()
		clients = append(clients, c)
	}
	answered := 0
	for answered < len(clients) {
		eventually(t, "a produce is under way", func() bool { return held.len() > answered })
		if frames, _ := s.MemoryUsed(); frames > 2<<20 {
			t.Fatalf("%d bytes are held, allowed 1 MiB and one frame", frames)
		}
		held.answer(answered, 1, nil)
		answered++
	}
	for _, c := range clients {
		receive[*kmsg.ProduceResponse](c, req, 1)
	}
}

func TestAGoneClientEndsItsWaitAndLeavesNothingBehind(t *testing.T) {
	f := newFakes(t)
	waiting := make(chan struct{}, 1)
	f.join = func(ctx context.Context, _ group.JoinRequest) group.JoinResponse {
		waiting <- struct{}{}
		<-ctx.Done()
		return group.JoinResponse{Err: ctx.Err()}
	}
	s := start(t, f)
	first := s.dial(t)
	ask[*kmsg.MetadataResponse](first, kmsg.NewPtrMetadataRequest())
	goroutines := runtime.NumGoroutine()
	for range 5 {
		c := s.dial(t)
		join := kmsg.NewPtrJoinGroupRequest()
		join.SetVersion(9)
		c.send(join)
		<-waiting
		_ = c.Close()
	}
	eventually(t, "the connections end", func() bool { return s.Connections() == 1 && runtime.NumGoroutine() <= goroutines })
}

func TestAClientThatGoesAwayDuringAProduceLeavesNothingBehind(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	s := start(t, f)
	for range 20 {
		c := s.dial(t)
		c.send(produceRequest(-1, "orders", make([]byte, 10_000)))
	}
	eventually(t, "the produces are under way", func() bool { return held.len() == 20 })
	s.eachConn(func(c *conn) { _ = c.nc.(*net.TCPConn).SetLinger(0) })
	s.eachConn((*conn).close)
	for i := range 20 {
		held.answer(i, 1, nil)
	}
	eventually(t, "everything is let go", func() bool {
		frames, _ := s.MemoryUsed()
		return s.Connections() == 0 && frames == 0
	})
}

func TestStoppingAnswersWhatIsUnderWayAndEndsWaits(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	f.fetch = func(ctx context.Context, _ *broker.FetchRequest) *broker.FetchResponse {
		<-ctx.Done()
		return new(broker.FetchResponse)
	}
	s := start(t, f)
	idle, producer, consumer := s.dial(t), s.dial(t), s.dial(t)
	produce, fetch := produceRequest(-1, "orders", []byte("x")), kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	fetch.MaxWaitMillis = 60_000
	producer.send(produce)
	consumer.send(fetch)
	eventually(t, "the produce is under way", func() bool { return held.len() == 1 && s.Connections() == 3 })
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	idle.wantClosed()
	receive[*kmsg.FetchResponse](consumer, fetch, 1)
	held.answer(0, 9, nil)
	if got := receive[*kmsg.ProduceResponse](producer, produce, 1).Topics[0].Partitions[0].BaseOffset; got != 9 {
		t.Errorf("offset %d", got)
	}
	producer.wantClosed()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if _, err := net.DialTimeout("tcp", s.addr, time.Second); err == nil {
		t.Error("connections are still accepted")
	}
}

func TestStoppingGivesUpAfterTheGracePeriod(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.Grace = 50 * time.Millisecond })
	c := s.dial(t)
	c.send(produceRequest(-1, "orders", []byte("x")))
	eventually(t, "the produce is under way", func() bool { return held.len() == 1 })
	if err := s.stop(); err == nil {
		t.Error("Run() = nil with a request that does not end")
	}
	held.answer(0, 1, nil)
	eventually(t, "the connection ends", func() bool { return s.Connections() == 0 })
}

func TestConnectionLimits(t *testing.T) {
	for _, limit := range []string{"max.connections", "max.connections.per.ip", "memory"} {
		t.Run(limit, func(t *testing.T) {
			f := newFakes(t)
			f.ints[limit] = 2
			m := new(countingMetrics)
			s := start(t, f, func(st *Settings, _ *Server) {
				st.Metrics = m
				if limit == "memory" {
					st.Limits.ConnectionMemory = 2 * connectionCost
				}
			})
			first, second := s.dial(t), s.dial(t)
			ask[*kmsg.MetadataResponse](first, kmsg.NewPtrMetadataRequest())
			ask[*kmsg.MetadataResponse](second, kmsg.NewPtrMetadataRequest())
			s.dial(t).wantClosed()
			_ = first.Close()
			eventually(t, "the first is gone", func() bool { return s.Connections() == 1 })
			ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
			if m.refused.Load() != 1 || s.log.count(limit) != 1 {
				t.Errorf("%d refusals are counted and %d logged", m.refused.Load(), s.log.count(limit))
			}
		})
	}
}

// countingMetrics counts what it is told.
type countingMetrics struct {
	opened, closed, refused, served atomic.Int64
	last                            atomic.Pointer[RequestStats]
}

func (m *countingMetrics) RequestServed(s RequestStats)     { m.served.Add(1); m.last.Store(&s) }
func (m *countingMetrics) ConnectionOpened(string)          { m.opened.Add(1) }
func (m *countingMetrics) ConnectionClosed(string)          { m.closed.Add(1) }
func (m *countingMetrics) ConnectionRefused(string, string) { m.refused.Add(1) }

func TestRequestsAreMeasured(t *testing.T) {
	f, m := newFakes(t), new(countingMetrics)
	f.groupErr = fault.NotCoordinator
	s := start(t, f, func(st *Settings, _ *Server) { st.Metrics = m })
	c := s.dial(t)
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(4)
	ask[*kmsg.HeartbeatResponse](c, req)
	eventually(t, "the request is measured", func() bool { return m.served.Load() == 1 })
	got := m.last.Load()
	if got.API != "Heartbeat" || got.Version != 4 || got.Errors != 1 || got.BytesIn != len(frameOf(req, 1))-4 || got.BytesOut != 16 || got.Duration <= 0 {
		t.Errorf("got %+v", got)
	}
	_ = c.Close()
	eventually(t, "the connection is measured", func() bool { return m.opened.Load() == 1 && m.closed.Load() == 1 })
}

func TestIdleConnectionsAreCheap(t *testing.T) {
	const connections = 2000
	s := start(t, newFakes(t))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var clients []net.Conn
	for range connections {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Skipf("only %d connections: %v", len(clients), err)
		}
		clients = append(clients, nc)
	}
	defer func() {
		for _, c := range clients {
			_ = c.Close()
		}
	}()
	req := frameOf(kmsg.NewPtrMetadataRequest(), 1)
	for _, c := range clients { // each has been used once
		if _, err := c.Write(req); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap, stack := int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(after.StackInuse)-int64(before.StackInuse)
	t.Logf("%d idle connections: %d bytes of heap and %d of stack each", connections, heap/connections, stack/connections)
	if each := (heap + stack) / connections; each > 12<<10 {
		t.Errorf("an idle connection takes %d bytes", each)
	}
}

func TestBadInputClosesTheConnectionAndIsLogged(t *testing.T) {
	flood := frameOf(kmsg.NewPtrMetadataRequest(), 1)
	for _, c := range []struct {
		name string
		sent []byte
	}{
		{"a negative size", []byte{0xff, 0xff, 0xff, 0xff}},
		{"a size of 0", []byte{0, 0, 0, 0}},
		{"a size below that of a header", []byte{0, 0, 0, 2, 0, 1}},
		{"a size above the limit", []byte{0x7f, 0, 0, 0}},
		{"HTTP", []byte("GET / HTTP/1.1\r\n\r\n")},
		{"TLS", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03}},
		{"an unknown API", append([]byte{0, 0, 0, 11}, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0, 1, 'x')},
		{"an API of brokers only", append([]byte{0, 0, 0, 11}, 0, 4, 0, 0, 0, 0, 0, 1, 0, 1, 'x')},
		{"a negative API key", append([]byte{0, 0, 0, 11}, 0xff, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 'x')},
		{"an unknown version", append([]byte{0, 0, 0, 11}, 0, 3, 0, 99, 0, 0, 0, 1, 0, 1, 'x')},
		{"a version that is served no more", append([]byte{0, 0, 0, 11}, 0, 1, 0, 3, 0, 0, 0, 1, 0, 1, 'x')},
		{"a client id longer than the frame", append([]byte{0, 0, 0, 11}, 0, 3, 0, 1, 0, 0, 0, 1, 0, 100, 'x')},
		{"an absurd array", append([]byte{0, 0, 0, 15}, 0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 'x', 0x7f, 0xff, 0xff, 0xff)},
		{"a truncated request", append([]byte{0, 0, 0, 15}, 0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 'x', 0, 0, 0, 1)},
		{"a truncated Produce", append([]byte{0, 0, 0, 15}, 0, 0, 0, 3, 0, 0, 0, 1, 0, 1, 'x', 0xff, 0xff, 0, 1)},
		{"a truncated Fetch", append([]byte{0, 0, 0, 15}, 0, 1, 0, 12, 0, 0, 0, 1, 0, 1, 'x', 0, 0, 0, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, newFakes(t))
			client := s.dial(t)
			client.write(append(slices.Clip(c.sent), flood...))
			client.wantClosedAfterAnyReset()
			eventually(t, "the connection is gone", func() bool { return s.Connections() == 0 })
			if n := s.log.count("bad input"); n != 1 {
				t.Errorf("%d lines are logged: %s", n, strings.Join(s.log.lines, "\n"))
			}
			ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
		})
	}
}

// wantClosedAfterAnyReset is wantClosed for connections that are closed with input unread.
func (c *client) wantClosedAfterAnyReset() {
	c.t.Helper()
	n, err := c.Read(make([]byte, 100))
	if ne, ok := errors.AsType[net.Error](err); n > 0 || err == nil || ok && ne.Timeout() {
		c.t.Fatalf("%d bytes came, with error %v; want the connection closed", n, err)
	}
}

func TestLinesAboutBadInputAreLimited(t *testing.T) {
	s := start(t, newFakes(t))
	for range 5 * noisePerPeriod {
		c := s.dial(t)
		c.write([]byte{0xff, 0xff, 0xff, 0xff})
		c.wantClosed()
	}
	if n := s.log.count("bad input"); n == 0 || n > noisePerPeriod {
		t.Errorf("%d lines for %d bad connections", n, 5*noisePerPeriod)
	}
}

func TestARequestThatCostsMoreMemoryThanAllowedIsRefused(t *testing.T) {
	s := start(t, newFakes(t), func(st *Settings, _ *Server) { st.Limits.ResponseMemory = 1 << 20 })
	req := kmsg.NewPtrMetadataRequest()
	req.SetVersion(1)
	for range 100_000 {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr("")
		req.Topics = append(req.Topics, topic)
	}
	c := s.dial(t)
	c.send(req)
	c.wantClosedAfterAnyReset()

	produce := kmsg.NewPtrProduceRequest()
	produce.SetVersion(9)
	topic := kmsg.NewProduceRequestTopic()
	topic.Partitions = make([]kmsg.ProduceRequestTopicPartition, 100_000)
	produce.Topics = append(produce.Topics, topic)
	c = s.dial(t)
	c.send(produce)
	c.wantClosedAfterAnyReset()
	eventually(t, "both are logged", func() bool { return s.log.count("bytes of memory to decode") == 2 })
}

func TestAPanicClosesTheConnectionAndNothingElse(t *testing.T) {
	f := newFakes(t)
	f.fetch = func(context.Context, *broker.FetchRequest) *broker.FetchResponse { panic("a bug") }
	s := start(t, f)
	c := s.dial(t)
	fetch := kmsg.NewPtrFetchRequest()
	fetch.SetVersion(12)
	c.send(fetch)
	c.wantClosed()
	ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
	if s.log.count("a bug") != 1 {
		t.Error("the panic is not logged")
	}
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
