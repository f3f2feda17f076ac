package controller

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// logged keeps the lines of a log.
type logged struct {
	mu    sync.Mutex
	lines bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.Write(p)
}

// with returns the lines with a text.
func (l *logged) with(text string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.lines.String()) {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestABrokerThatIsCutOffSaysSoOnceAndThatItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{img: new(metadata.Image), leader: 1}
		log := new(logged)
		settings := MembershipSettings{NodeID: 1, Incarnation: [16]byte{1}}
		settings.Epoch = joined(t.Context(), t, nodeStore{n, 1}, Receivers{}, settings).settings.Epoch
		m := NewMembership(nodeStore{n, 1}, Receivers{Local: &answers{}}, settings, time.Now,
			slog.New(slog.NewTextHandler(log, nil)))
		var g errgroup.Group
		ctx, stop := context.WithCancel(t.Context())
		g.Go(func() error { return m.Run(ctx) })
		<-m.Serving()
		expect := func(when string, cutOff, back int) {
			t.Helper()
			lost, again := log.with("level=WARN msg=\"the broker's heartbeats are not answered: it is cut off"),
				log.with("level=INFO msg=\"the broker's heartbeats are answered again\"")
			if len(lost) != cutOff || len(again) != back {
				t.Errorf("%s: %q, %q", when, lost, again)
			}
			if live := cutOff == back; m.InSession() != live || errors.Is(m.Ready(), errCutOff) == live {
				t.Errorf("%s: in session is %v, ready %v", when, m.InSession(), m.Ready())
			}
		}
		for round := range 2 {
			n.set(func() { n.leader = -1 })
			time.Sleep(time.Second)
			expect("within the session", round, round)
			time.Sleep(time.Minute)
			expect("after the session", round+1, round)
			if line := log.with("not answered")[round]; !strings.Contains(line, "no leader of the metadata is known") {
				t.Errorf("the cause is missing: %s", line)
			}
			n.set(func() { n.leader = 1 })
			time.Sleep(time.Second)
			expect("with a leader again", round+1, round+1)
		}
		n.set(func() { n.leader = -1 })
		stop()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestTheLogSaysWhyABrokerIsFenced(t *testing.T) {
	for _, c := range []struct {
		ended  bool
		reason string
	}{
		{false, "no heartbeat received within broker.session.timeout.ms"},
		{true, "no heartbeat received, and its address refuses connections"},
	} {
		inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
			n.set(func() { n.away[2], n.ended[2] = true, c.ended })
			n.controllers[1].Disconnected(2)
			time.Sleep(3 * time.Second)
			lines := n.log.with("level=WARN msg=\"broker fenced\"")
			if len(lines) != 1 || !strings.Contains(lines[0], "reason=\""+c.reason+"\"") {
				t.Errorf("logged is %q, want the reason %q", lines, c.reason)
			}
		})
	}
}
