package controller

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestAKilledBrokerIsNoticedByItsConnection(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.set(func() { n.away[2] = true })
		time.Sleep(time.Second) // its last heartbeat is answered or lost
		n.controllers[1].Disconnected(2)
		time.Sleep(500 * time.Millisecond)
		if p := n.partition(t); p.Leader != 2 {
			t.Errorf("its process has not ended, and its session is not over: %+v", p)
		}
		n.set(func() { n.ended[2] = true })
		time.Sleep(610 * time.Millisecond) // a check is in progress, and the broker must be gone for a while
		if p := n.partition(t); p.Leader != 3 {
			t.Errorf("not fenced in time: %+v", p)
		}
	})
}

func TestABrokerThatIsGoneForLongerThanALiveOneIsSilentIsFenced(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.set(func() { n.away[2], n.ended[2] = true, true })
		time.Sleep(time.Second)
		if p := n.partition(t); p.Leader != 2 {
			t.Errorf("fenced before anything was noticed: %+v", p)
		}
		n.controllers[1].Disconnected(2)
		time.Sleep(249 * time.Millisecond)
		if p := n.partition(t); p.Leader != 2 {
			t.Errorf("fenced before it was clear that it is silent: %+v", p)
		}
		time.Sleep(2 * time.Millisecond)
		if p := n.partition(t); p.Leader != 3 {
			t.Errorf("not fenced in time: %+v", p)
		}
	})
}

// A firewall rejects connections to a broker, or a Kubernetes Service passes none on to it because it is not ready. The
// broker is alive, and its lease holds.
func TestABrokerThatSendsHeartbeatsIsNotFencedThoughItsAddressRefusesConnections(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.set(func() { n.ended[2] = true })
		for range 20 {
			n.controllers[1].Disconnected(2)
			time.Sleep(130 * time.Millisecond)
		}
		n.set(func() { n.leader = 3 }) // a new leader suspects all brokers
		time.Sleep(3 * time.Second)
		if p := n.partition(t); p.Leader != 2 || p.Version != 0 {
			t.Errorf("partition %+v", p)
		}
	})
}

func TestABrokerOfWhichNothingCanBeFoundOutIsFencedAfterItsSession(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.set(func() { n.away[2] = true })
		n.controllers[1].Disconnected(2)
		time.Sleep(1700 * time.Millisecond)
		if p := n.partition(t); p.Leader != 2 {
			t.Errorf("before the session was over: %+v", p)
		}
		time.Sleep(700 * time.Millisecond)
		if p := n.partition(t); p.Leader != 3 {
			t.Errorf("after the session was over: %+v", p)
		}
	})
}

func TestABrokerThatConnectsAgainKeepsItsPlace(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.controllers[1].Disconnected(2)
		time.Sleep(3 * time.Second)
		if p := n.partition(t); p.Leader != 2 || p.Version != 0 {
			t.Errorf("partition %+v", p)
		}
	})
}

func TestANewLeaderGivesABrokerThatIsGoneNoFullSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := threeNodes(t)
		ctx, cancel := context.WithCancel(t.Context())
		gone := func(_ context.Context, id int32) bool { return id == 3 }
		c := NewController(store, n, ControllerSettings{Gone: gone}, time.Now, slog.New(slog.DiscardHandler))
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(2*c.settings.Poll + c.settings.GoneAfter)
		for id, want := range map[int32]bool{1: false, 2: false, 3: true} {
			if b, _ := store.Image().Broker(id); b.Fenced != want {
				t.Errorf("broker %d is fenced: %t", id, b.Fenced)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
