package wiring

import (
	"context"
	"errors"
	"testing"
)

// standing is that of a broker which is not ready.
type standing struct{ inSession bool }

func (standing) Ready() error      { return errors.New("1 replicas have not caught up with their leaders") }
func (s standing) InSession() bool { return s.inSession }

func TestTheGaugeOfTheSessionShowsWhetherHeartbeatsAreAnswered(t *testing.T) {
	for inSession, want := range map[bool]int64{true: 1, false: 0} {
		p := &parts{Role: role{standing: standing{inSession}}}
		got := int64(-1)
		for _, g := range p.measureStanding() {
			if g.name == "chronik.session" {
				g.read(context.Background(), func(_ string, n int64) { got = n })
			}
		}
		if got != want {
			t.Errorf("in session: %t, the gauge is %d, want %d", inSession, got, want)
		}
	}
}
