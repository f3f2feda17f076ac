package kafkaproto

import (
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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
