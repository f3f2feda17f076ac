package kafkaproto

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// FuzzConnection: whatever bytes a client sends, its connection ends without a panic, and no memory is held afterwards.
func FuzzConnection(f *testing.F) {
	f.Add(frameOf(kmsg.NewPtrApiVersionsRequest(), 1))
	f.Add(append(frameOf(metadataRequest(12, "orders"), 1),
		frameOf(produceRequest(-1, "orders", []byte("records")), 2)...))
	f.Add(frameOf(produceRequest(0, "orders", []byte("records")), 2)[:20])
	f.Add(frameOf(produceRequest(-1, "orders", bytes.Repeat([]byte("records"), 20)), 3)) // decoded while it arrives
	f.Add([]byte{0, 0, 0, 14, 0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 'x', 0, 1, 1})
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	s, err := New(Settings{
		Listeners: []Listener{{Name: "L", Address: ":0"}},
		NodeID:    1,
		Services:  newFakes(f).services(),
		Logger:    discard(),
		Limits:    ample(),
	})
	if err != nil {
		f.Fatal(err)
	}
	s.maxStream, s.maxFrame, s.streamAbove = 1<<20, 1<<20, 60
	f.Fuzz(func(t *testing.T, in []byte) {
		ours, theirs := net.Pipe()
		c := newConn(s, s.listeners[0], theirs, "client")
		ended := make(chan struct{})
		go func() { defer close(ended); c.serve() }()
		read := make(chan struct{})
		go func() { defer close(read); _, _ = io.Copy(io.Discard, ours) }()
		_ = ours.SetWriteDeadline(time.Now().Add(10 * time.Second))
		_, _ = ours.Write(in)
		_ = ours.Close()
		<-ended
		<-read
		if frames, answers := s.MemoryUsed(); frames != 0 || answers != 0 {
			t.Fatalf("%d and %d bytes are held", frames, answers)
		}
	})
}
