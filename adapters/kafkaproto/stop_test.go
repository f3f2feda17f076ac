package kafkaproto

import (
	"bytes"
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

func TestAGoneClientEndsItsWaitAndLeavesNothingBehind(t *testing.T) {
	f := newFakes(t)
	waiting := make(chan struct{}, 1)
	f.join = func(ctx context.Context, _ classic.JoinRequest) classic.JoinResponse {
		waiting <- struct{}{}
		<-ctx.Done()
		return classic.JoinResponse{Err: ctx.Err()}
	}
	s := start(t, f)
	first := s.dial(t)
	ask[*kmsg.MetadataResponse](first, kmsg.NewPtrMetadataRequest())
	for range 5 {
		c := s.dial(t)
		join := kmsg.NewPtrJoinGroupRequest()
		join.SetVersion(9)
		c.send(join)
		<-waiting
		_ = c.Close()
	}
	eventually(t, "the connections end", func() bool { return s.Connections() == 1 && connGoroutines() == 1 })
}

// A command waits for a majority of the nodes, which may be away for long. Its client gives up, connects again and
// sends it again.
func TestAGoneClientEndsItsCommand(t *testing.T) {
	f := newFakes(t)
	waiting := make(chan struct{}, 1)
	f.creating = func(ctx context.Context) error {
		waiting <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	s := start(t, f, fastTicks)
	stays := s.dial(t)
	req := kmsg.NewPtrCreateTopicsRequest()
	req.SetVersion(5)
	req.Topics = []kmsg.CreateTopicsRequestTopic{{Topic: "new"}}
	stays.send(req)
	<-waiting
	for range 5 {
		c := s.dial(t)
		c.send(req)
		<-waiting
		_ = c.Close()
	}
	eventually(t, "the connections of those that are gone end", func() bool { return s.Connections() == 1 })
}

// connGoroutines counts the goroutines that serve connections, or that such goroutines have started.
func connGoroutines() (n int) {
	stacks := make([]byte, 1<<20)
	for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte("kafkaproto.(*conn)")) || bytes.Contains(stack, []byte("kafkaproto.(*exchange)")) {
			n++
		}
	}
	return n
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
	eventually(t, "everything is released", func() bool {
		frames, _ := s.MemoryUsed()
		return s.Connections() == 0 && frames == 0
	})
}

func TestStoppingAnswersWhatIsUnderWayAndEndsWaits(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	f.fetch = func(ctx context.Context, _ *replicas.FetchRequest) *replicas.FetchResponse {
		<-ctx.Done()
		return new(replicas.FetchResponse)
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

// TestStoppingWithoutGraceWarnsOfNothing has a client that waits for nothing.
func TestStoppingWithoutGraceWarnsOfNothing(t *testing.T) {
	s := start(t, newFakes(t), func(st *Settings, _ *Server) { st.Limits.Grace = 0 })
	c := s.dial(t)
	ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	c.wantClosed()
	if lines := s.log.count("under way"); lines != 0 {
		t.Errorf("%d lines tell of requests under way", lines)
	}
}
