package controller

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// lost is a controller that answers until it has lost its majority.
type lost struct{ atomic.Bool }

func (l *lost) Heartbeat(context.Context, ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	if l.Load() {
		return ports.BrokerHeartbeatReply{}, fault.NotController
	}
	return ports.BrokerHeartbeatReply{CaughtUp: true}, nil
}

func TestABrokerWithoutAnswersToItsHeartbeatsStopsAfterTwoSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, controller := &nodes{img: new(metadata.Image), leader: 1}, new(lost)
		settings := MembershipSettings{NodeID: 1, Incarnation: [16]byte{1}}
		m := joined(t.Context(), t, nodeStore{n, 1}, Receivers{controller, n.network().Peers(1)}, settings)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		<-m.Serving()
		controller.Store(true)
		began := time.Now()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run() = %v", err)
		}
		if took := time.Since(began); took < 3500*time.Millisecond || took > 4500*time.Millisecond {
			t.Errorf("the stop took %v, want two sessions of 2s", took)
		}
	})
}
