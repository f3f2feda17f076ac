package kafkaproto

import (
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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

func TestAClientOfAnotherProtocolIsNamed(t *testing.T) {
	for _, c := range []struct{ sent, want string }{
		{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "begins with a TLS handshake"},
		{"GET / HTTP/1.1\r\n\r\n", "begins with an HTTP request"},
		{"POST /topics HTTP/1.1\r\n\r\n", "begins with an HTTP request"},
		{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "begins with an HTTP request"},
		{"\x16\x04\x00\x00\x00", "frame of 369360896 bytes"},
		{"GETS\x00", "frame of 1195725907 bytes"},
	} {
		s := start(t, newFakes(t))
		client := s.dial(t)
		client.write([]byte(c.sent))
		client.wantClosedAfterAnyReset()
		eventually(t, "the reason is logged", func() bool { return s.log.count(c.want) == 1 })
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
