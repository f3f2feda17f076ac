package kafkaclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/internal/kafkatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// piped returns a Conn, and the other end of it, at which serve is.
func piped(t *testing.T, serve func(net.Conn)) *Conn {
	t.Helper()
	near, far := net.Pipe()
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(far)
		far.Close()
	}()
	c := Dialer{ClientID: "a-test"}.over(near, "there")
	t.Cleanup(func() { c.Close(); <-served })
	return c
}

// heartbeat is a request with tagged fields in its headers.
func heartbeat() *kmsg.BrokerHeartbeatRequest {
	req := kmsg.NewPtrBrokerHeartbeatRequest()
	req.BrokerID = 7
	return req
}

// answered answers a request with these bytes.
func answered(answer ...byte) func(net.Conn) {
	return func(c net.Conn) {
		if _, _, err := kafkatest.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = c.Write(answer)
		}
	}
}

func TestARequestIsAnswered(t *testing.T) {
	peer := kafkatest.Start(t, nil, func(req kmsg.Request) kmsg.Response {
		resp := kmsg.NewPtrBrokerHeartbeatResponse()
		resp.IsFenced = req.(*kmsg.BrokerHeartbeatRequest).BrokerID == 7
		return resp
	})
	c, err := Dialer{ClientID: "a-test", Timeout: time.Minute}.Dial(t.Context(), peer.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		resp, err := heartbeat().RequestWith(t.Context(), c)
		if err != nil || !resp.IsFenced {
			t.Fatalf("Request() = %+v, %v", resp, err)
		}
	}
	if c.Address() != peer.Address() {
		t.Errorf("Address() = %s", c.Address())
	}
}

func TestANegotiatedRequestGoesInTheHighestCommonVersion(t *testing.T) {
	var asked []int16
	peer := kafkatest.Start(t, nil, func(req kmsg.Request) kmsg.Response {
		if req.Key() == apiVersions {
			resp := kafkatest.Versions()
			for key, versions := range map[int16][2]int16{0: {100, 101}, 3: {4, 9}, 60: {0, 1000}} {
				served := kmsg.NewApiVersionsResponseApiKey()
				served.ApiKey, served.MinVersion, served.MaxVersion = key, versions[0], versions[1]
				resp.ApiKeys = append(resp.ApiKeys, served)
			}
			return resp
		}
		asked = append(asked, req.GetVersion())
		return req.ResponseKind()
	})
	c, err := Dialer{}.Dial(t.Context(), peer.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Negotiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	describe := kmsg.NewPtrDescribeClusterRequest()
	for _, req := range []kmsg.Request{kmsg.NewPtrMetadataRequest(), describe} {
		if _, err := c.Request(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	if len(asked) != 2 || asked[0] != 9 || asked[1] != describe.MaxVersion() {
		t.Errorf("asked in versions %v", asked)
	}
	for name, req := range map[string]kmsg.Request{
		"Produce":      kmsg.NewPtrProduceRequest(),
		"AddRaftVoter": kmsg.NewPtrAddRaftVoterRequest(),
	} {
		if _, err := c.Request(t.Context(), req); !errors.Is(err, ErrNotServed) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Request(t.Context(), kmsg.NewPtrMetadataRequest()); err != nil {
		t.Errorf("after ErrNotServed: %v", err)
	}
}

func TestARefusalToNegotiateIsAnError(t *testing.T) {
	c := piped(t, func(conn net.Conn) {
		_ = kafkatest.Serve(conn, func(kmsg.Request) kmsg.Response {
			resp := kmsg.NewPtrApiVersionsResponse()
			resp.ErrorCode = kerr.UnsupportedVersion.Code
			return resp
		})
	})
	if err := c.Negotiate(t.Context()); !errors.Is(err, kerr.UnsupportedVersion) {
		t.Errorf("Negotiate() = %v", err)
	}
}

func TestAConnIsClosedByWhatIsNoAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		want  error
	}{
		"no answer":               {answered(), io.EOF},
		"half a size":             {answered(0, 0), io.ErrUnexpectedEOF},
		"a short answer":          {answered(0, 0, 0, 9, 0, 0, 0, 1, 0), io.ErrUnexpectedEOF},
		"too small a size":        {answered(0, 0, 0, 3, 0, 0, 0, 1), ErrMalformed},
		"a negative size":         {answered(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1), ErrMalformed},
		"too large a size":        {answered(0x40, 0, 0, 1, 0, 0, 0, 1), ErrMalformed},
		"another correlation id":  {answered(0, 0, 0, 5, 0, 0, 0, 2, 0), ErrMalformed},
		"no tagged fields":        {answered(0, 0, 0, 4, 0, 0, 0, 1), ErrMalformed},
		"a tagged field cut off":  {answered(0, 0, 0, 7, 0, 0, 0, 1, 1, 0, 9), ErrMalformed},
		"tags without end":        {answered(0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0x7f), ErrMalformed},
		"a body cut off":          {answered(0, 0, 0, 6, 0, 0, 0, 1, 0, 0), ErrMalformed},
		"a connection that ended": {func(c net.Conn) { c.Close() }, io.ErrClosedPipe},
	} {
		t.Run(name, func(t *testing.T) {
			conn := piped(t, c.serve)
			if _, err := conn.Request(t.Context(), heartbeat()); !errors.Is(err, c.want) {
				t.Errorf("Request() = %v, want %v", err, c.want)
			}
			if _, err := conn.Request(t.Context(), heartbeat()); !errors.Is(err, io.ErrClosedPipe) {
				t.Errorf("a second Request() = %v", err)
			}
		})
	}
}

func TestTaggedFieldsInAHeaderArePassedOver(t *testing.T) {
	c := piped(t, func(conn net.Conn) {
		_, id, _ := kafkatest.ReadRequest(bufio.NewReader(conn))
		resp := kmsg.NewPtrBrokerHeartbeatResponse()
		resp.IsFenced = true
		body := resp.AppendTo([]byte{2, 5, 1, 0xaa, 0x90, 0x4e, 0}) // tag 5 of one byte, tag 10000 of none
		_, _ = conn.Write(append([]byte{0, 0, 0, byte(4 + len(body)), 0, 0, 0, byte(id)}, body...))
	})
	if resp, err := heartbeat().RequestWith(t.Context(), c); err != nil || !resp.IsFenced {
		t.Errorf("Request() = %+v, %v", resp, err)
	}
}

func TestARequestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		enough := errors.New("enough")
		for name, serve := range map[string]func(net.Conn){
			"while it is sent":       func(c net.Conn) { _, _ = c.Read(make([]byte, 1)); time.Sleep(time.Hour) },
			"while it is waited for": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
			"within the answer":      func(c net.Conn) { answered(0, 0, 0, 9, 0)(c); _, _ = io.Copy(io.Discard, c) },
		} {
			c := piped(t, serve)
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
			if _, err := c.Request(ctx, heartbeat()); !errors.Is(err, enough) {
				t.Errorf("%s: Request() = %v", name, err)
			}
			cancel()
		}
	})
}

func TestAnEndedContextSendsNothingAndLeavesTheConnectionWhole(t *testing.T) {
	c := piped(t, func(conn net.Conn) {
		_ = kafkatest.Serve(conn, func(req kmsg.Request) kmsg.Response { return req.ResponseKind() })
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Request(ended, heartbeat()); !errors.Is(err, context.Canceled) {
		t.Errorf("Request() = %v", err)
	}
	if _, err := c.Request(t.Context(), heartbeat()); err != nil {
		t.Errorf("afterwards Request() = %v", err)
	}
}

// A context may end at the moment at which the answer has come. Its deadline must not end the next request.
func TestAContextThatEndsLateDoesNotEndTheNextRequest(t *testing.T) {
	c := piped(t, func(conn net.Conn) {
		_ = kafkatest.Serve(conn, func(req kmsg.Request) kmsg.Response { return req.ResponseKind() })
	})
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		release, err := c.endWith(ctx)
		if err != nil {
			t.Fatal(err)
		}
		go cancel()
		<-ctx.Done()
		release()
		if _, err := c.Request(t.Context(), heartbeat()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDialingFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	unsafe := errors.New("unsafe")
	var plain net.Conn
	d := Dialer{Secure: func(_ context.Context, c net.Conn, address string) (net.Conn, error) {
		plain = c
		return nil, fmt.Errorf("%s: %w", address, unsafe)
	}}
	if _, err := d.Dial(t.Context(), l.Addr().String()); !errors.Is(err, unsafe) {
		t.Errorf("without security: %v", err)
	}
	if _, err := plain.Write([]byte{1}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the plain connection is open: %v", err)
	}
	d.Timeout = time.Millisecond
	d.Secure = func(ctx context.Context, _ net.Conn, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
	if _, err := d.Dial(t.Context(), l.Addr().String()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too slow: %v", err)
	}
	l.Close()
	if _, err := (Dialer{}).Dial(t.Context(), l.Addr().String()); err == nil {
		t.Error("nobody listens, and it has connected")
	}
}

// The memory taken for an answer follows what has come of it, not what its size says.
func TestAnAnswerIsBelievedAsFarAsItComes(t *testing.T) {
	whole := make([]byte, 1000)
	for trusted := 1; trusted <= 1100; trusted += 7 {
		in := append([]byte{0, 0, 3, 0xec, 0, 0, 0, 5}, whole...)
		got, err := readAnswer(strings.NewReader(string(in)), 5, trusted)
		if err != nil || len(got) != len(whole) {
			t.Fatalf("trusted %d: %d bytes, %v", trusted, len(got), err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := readAnswer(strings.NewReader("\x3f\xff\xff\xff\x00\x00\x00\x05short"), 5, 1<<10)
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, io.ErrUnexpectedEOF) || taken > 1<<20 {
		t.Errorf("%v, and %d bytes for an answer of five", err, taken)
	}
}

// What comes from outside is an answer or an error, whatever it is.
func FuzzAnswers(f *testing.F) {
	resp := kmsg.NewPtrBrokerHeartbeatResponse()
	resp.IsFenced = true
	f.Add(kafkatest.AppendAnswer(nil, 1, resp), true)
	f.Add([]byte{0, 0, 0, 8, 0, 0, 0, 1, 1, 5, 1, 9}, true)
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 1}, false)
	f.Add([]byte{0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 1}, false)
	f.Fuzz(func(t *testing.T, in []byte, tags bool) {
		body, err := readAnswer(strings.NewReader(string(in)), 1, 16)
		if err == nil && tags {
			body, err = skipTags(body)
		}
		switch {
		case err == nil && len(body) > len(in)-8:
			t.Errorf("%d bytes out of %d", len(body), len(in))
		case err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
			t.Error(err)
		}
	})
}
