package porttest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestNetworkKeepsTheContractOfHeartbeats(t *testing.T) {
	porttest.Heartbeats(t, func(_ *testing.T, answer func(ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply,
		error),
	) ports.Heartbeats {
		n := porttest.NewNetwork(nil)
		n.Join(porttest.Asked, porttest.Node{
			Heartbeat: func(_ context.Context, beat ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
				return answer(beat)
			},
		})
		return n.Peers(1)
	})
}

func TestNetworkKeepsTheContractOfReplicaFetcher(t *testing.T) {
	porttest.ReplicaFetcher(t, func(_ *testing.T, answer func(ports.ReplicaFetch) ([]ports.ReplicaFetched,
		error),
	) ports.ReplicaFetcher {
		n := porttest.NewNetwork(nil)
		n.Join(porttest.Asked, porttest.Node{
			Fetch: func(_ context.Context, req ports.ReplicaFetch) ([]ports.ReplicaFetched, error) { return answer(req) },
		})
		return n.Peers(1)
	})
}

func TestANetworkLosesWhatItIsToldTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reach := porttest.Refused
		n := porttest.NewNetwork(func(from, to int32) porttest.Reach {
			if from != 1 || to != porttest.Asked {
				t.Errorf("asked about %d to %d", from, to)
			}
			return reach
		})
		n.Join(porttest.Asked, porttest.Node{
			Heartbeat: func(context.Context, ports.BrokerHeartbeat) (reply ports.BrokerHeartbeatReply, err error) {
				return reply, nil
			},
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, c := range []struct {
			reach porttest.Reach
			want  error
		}{{porttest.Refused, fault.BrokerNotAvailable}, {porttest.Arrives, nil}, {porttest.Lost, context.DeadlineExceeded}} {
			reach = c.reach
			if _, err := n.Peers(1).Heartbeat(ctx, porttest.Asked, ports.BrokerHeartbeat{}); !errors.Is(err, c.want) {
				t.Errorf("%v: Heartbeat() = %v", c.reach, err)
			}
		}
	})
}
