package kafkaproto

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

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

// countingMetrics counts its calls.
type countingMetrics struct {
	opened, closed, refused, served atomic.Int64
	last                            atomic.Pointer[RequestStats]
	lastError                       atomic.Pointer[string]
}

func (m *countingMetrics) RequestServed(s RequestStats) { m.served.Add(1); m.last.Store(&s) }
func (m *countingMetrics) ErrorAnswered(api, _, code string) {
	answered := api + " " + code
	m.lastError.Store(&answered)
}
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
	if got.API != "Heartbeat" || got.Version != 4 || got.BytesIn != len(frameOf(req, 1))-4 ||
		got.BytesOut != 16 || got.Duration <= 0 {
		t.Errorf("got %+v", got)
	}
	if answered := m.lastError.Load(); answered == nil || *answered != "Heartbeat NOT_COORDINATOR" {
		t.Errorf("the error that was answered is counted as %v", answered)
	}
	_ = c.Close()
	eventually(t, "the connection is measured", func() bool { return m.opened.Load() == 1 && m.closed.Load() == 1 })
}

func TestAPanicClosesTheConnectionAndNothingElse(t *testing.T) {
	f := newFakes(t)
	f.fetch = func(context.Context, *replicas.FetchRequest) *replicas.FetchResponse { panic("a bug") }
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

func TestAServerWithoutMemoryIsRefused(t *testing.T) {
	for name, take := range map[string]func(*Limits){
		"connections": func(l *Limits) { l.ConnectionMemory = 0 },
		"requests":    func(l *Limits) { l.RequestMemory = 0 },
		"answers":     func(l *Limits) { l.ResponseMemory = -1 },
	} {
		limits := ample()
		take(&limits)
		_, err := New(Settings{
			Listeners: []Listener{{Name: "L"}},
			NodeID:    1,
			Services:  newFakes(t).services(),
			Logger:    discard(),
			Limits:    limits,
		})
		if err == nil || !strings.Contains(err.Error(), "want some for each") {
			t.Errorf("no memory for %s: %v", name, err)
		}
	}
}
