// Package kafkatest has a broker for the tests of adapters that are clients of brokers. It reads and writes frames and
// headers of Kafka's protocol; the test's Handler makes the answers.
package kafkatest

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Handler answers a request. It is called by a goroutine for each connection. nil closes the connection without an
// answer.
type Handler func(req kmsg.Request) kmsg.Response

// Broker listens on a port of this machine until the test ends.
type Broker struct {
	handle   Handler
	listener net.Listener
	ended    sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// Start starts a broker, by TLS unless config is nil.
func Start(t testing.TB, config *tls.Config, handle Handler) *Broker {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	b := &Broker{handle: handle, listener: l, conns: make(map[net.Conn]struct{})}
	b.ended.Go(b.accept)
	t.Cleanup(b.Close)
	return b
}

// Address returns where the broker listens, host:port.
func (b *Broker) Address() string { return b.listener.Addr().String() }

// HangUp closes all connections and continues to listen.
func (b *Broker) HangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.Close()
	}
}

// Stop closes the listener and all connections without waiting for Handlers that are running, so a Handler may call it.
func (b *Broker) Stop() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.listener.Close()
	b.HangUp()
}

// Close stops the broker and waits until no Handler is running. A second Close does nothing.
func (b *Broker) Close() {
	b.Stop()
	b.ended.Wait()
}

func (b *Broker) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		if b.closed {
			c.Close()
		}
		b.conns[c] = struct{}{}
		b.mu.Unlock()
		b.ended.Go(func() {
			_ = Serve(c, b.handle) // the client sees how it ends
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.conns, c)
			c.Close()
		})
	}
}

// Serve answers the requests of a connection until the connection ends or handle returns nil.
func Serve(conn net.Conn, handle Handler) error {
	in := bufio.NewReader(conn)
	for {
		req, correlation, err := ReadRequest(in)
		if err != nil {
			return err
		}
		resp := handle(req)
		if resp == nil {
			return nil
		}
		resp.SetVersion(req.GetVersion())
		if _, err := conn.Write(AppendAnswer(nil, correlation, resp)); err != nil {
			return err
		}
	}
}

// ReadRequest reads the next request and its correlation id.
func ReadRequest(in io.Reader) (kmsg.Request, int32, error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return nil, 0, err
	}
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(in, frame); err != nil {
		return nil, 0, err
	}
	const fixed = 10 // key, version, correlation id, length of the client id
	if len(frame) < fixed {
		return nil, 0, fmt.Errorf("request of %d bytes", len(frame))
	}
	key, version := int16(binary.BigEndian.Uint16(frame)), int16(binary.BigEndian.Uint16(frame[2:]))
	correlation := int32(binary.BigEndian.Uint32(frame[4:]))
	body := frame[fixed+max(0, int(int16(binary.BigEndian.Uint16(frame[8:])))):]
	req := kmsg.RequestForKey(key)
	if req == nil {
		return nil, 0, fmt.Errorf("request with unknown key %d", key)
	}
	req.SetVersion(version)
	if req.IsFlexible() {
		body = body[1:] // kmsg's formatter writes no tagged fields
	}
	return req, correlation, req.ReadFrom(body)
}

// AppendAnswer appends the frame of an answer.
func AppendAnswer(b []byte, correlation int32, resp kmsg.Response) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint32(append(b, 0, 0, 0, 0), uint32(correlation))
	if resp.IsFlexible() && resp.Key() != kmsg.ApiVersions.Int16() {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

// Versions returns the answer to ApiVersions that lists these APIs, in all versions that kmsg knows.
func Versions(keys ...kmsg.Key) *kmsg.ApiVersionsResponse {
	resp := kmsg.NewPtrApiVersionsResponse()
	for _, key := range append(keys, kmsg.ApiVersions) {
		served := kmsg.NewApiVersionsResponseApiKey()
		served.ApiKey, served.MaxVersion = key.Int16(), kmsg.RequestForKey(key.Int16()).MaxVersion()
		resp.ApiKeys = append(resp.ApiKeys, served)
	}
	return resp
}
