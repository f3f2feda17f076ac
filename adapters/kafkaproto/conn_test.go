package kafkaproto

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAConnectionRemembersLittleOfItsClient(t *testing.T) {
	f := newFakes(t)
	s := start(t, f)
	c := &conn{server: s.Server}
	for i := range 10 * maxInterned {
		name := "unknown-" + strconv.Itoa(i)
		if got := c.intern([]byte(name)); got != name {
			t.Fatalf("intern(%q) = %q", name, got)
		}
	}
	if got := c.intern([]byte("orders")); got != "orders" {
		t.Errorf("intern(orders) = %q", got)
	}
	if len(c.topics) != 1 {
		t.Errorf("%d names are remembered, want the one of a topic that exists", len(c.topics))
	}
	long := strings.Repeat("x", 30_000)
	if got := c.identify([]byte(long)); got != long {
		t.Errorf("an id of %d bytes became one of %d", len(long), len(got))
	}
	if len(c.client) != maxKeptID {
		t.Errorf("%d bytes of the id are kept, want %d", len(c.client), maxKeptID)
	}
}

func TestUnexpectedErrorsAreLoggedAtABoundedRate(t *testing.T) {
	f := newFakes(t)
	f.groupErr = errors.New("an error without a kind")
	s := start(t, f)
	c := s.dial(t)
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(4)
	for range 5 * noisePerPeriod {
		ask[*kmsg.HeartbeatResponse](c, req)
	}
	if n := s.log.count("request met an unexpected error"); n != noisePerPeriod {
		t.Errorf("%d lines are logged, want %d", n, noisePerPeriod)
	}
}
