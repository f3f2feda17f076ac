package controller

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// nodes is a cluster of brokers in one process: one image that all share, and a leader that the test names.
type nodes struct {
	mu          sync.Mutex
	img         *metadata.Image
	leader      int32
	away        map[int32]bool // nodes that are cut off from all others
	ended       map[int32]bool // nodes whose process has ended
	controllers map[int32]*Controller
	balance     bool
	log         logged // of the controllers
}

// nodeStore is one node's metadata store.
type nodeStore struct {
	*nodes
	node int32
}

func (s nodeStore) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leader < 0 || s.away[s.node] || s.away[s.leader] {
		return metadata.Result{}, fault.NotController
	}
	next, res, err := metadata.Apply(s.img, cmd)
	s.img = next
	return res, err
}

func (s nodeStore) Image() *metadata.Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.img
}

func (s nodeStore) Leadership() ports.Leadership {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ports.Leadership{Local: s.leader == s.node, NodeID: s.leader}
}
func (s nodeStore) Watch(context.Context) iter.Seq[*metadata.Image] { return nil }
func (s nodeStore) Close() error                                    { return nil }

// Barrier implements ports.MetadataStore: a node that is cut off has no majority.
func (s nodeStore) Barrier(ctx context.Context) error {
	s.mu.Lock()
	lost := s.away[s.node]
	s.mu.Unlock()
	if lost {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// network carries heartbeats between the nodes that are not away.
func (n *nodes) network() *porttest.Network {
	network := porttest.NewNetwork(func(from, to int32) porttest.Reach {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.away[from] || n.away[to] {
			return porttest.Lost
		}
		return porttest.Arrives
	})
	for id, c := range n.controllers {
		network.Join(id, porttest.Node{Heartbeat: c.Heartbeat})
	}
	return network
}

// set makes a change when what is under way at this moment has ended, such as a heartbeat, and returns when everybody
// has seen the change.
func (n *nodes) set(change func()) {
	synctest.Wait()
	n.mu.Lock()
	change()
	n.mu.Unlock()
	synctest.Wait()
}

func (n *nodes) Int(string) int64 { return 300 }
func (n *nodes) Bool(string) bool { return n.balance }

func (n *nodes) image() *metadata.Image { return nodeStore{n, 0}.Image() }

func (n *nodes) partition(t *testing.T) metadata.Partition {
	t.Helper()
	topic, ok := n.image().Topic("t")
	if !ok {
		t.Fatal("topic t is missing")
	}
	return topic.Partitions[0]
}

func (n *nodes) inService(id int32) bool {
	b, ok := n.image().Broker(id)
	return ok && b.Active()
}

// inCluster runs test in virtual time with count brokers, of which 1 leads the metadata. stop shuts one down cleanly.
func inCluster(t *testing.T, count int32, test func(t *testing.T, n *nodes, stop func(id int32))) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{
			img: new(metadata.Image), leader: 1, away: map[int32]bool{}, ended: map[int32]bool{},
			controllers: map[int32]*Controller{},
		}
		log := slog.New(slog.NewTextHandler(&n.log, nil))
		for id := int32(1); id <= count; id++ {
			n.controllers[id] = NewController(nodeStore{n, id}, n, ControllerSettings{Gone: n.gone}, time.Now, log)
		}
		var g errgroup.Group
		network, stops := n.network(), map[int32]func(){}
		for id, c := range n.controllers {
			ctx, cancel := context.WithCancel(t.Context())
			settings := MembershipSettings{NodeID: id, Incarnation: [16]byte{byte(id)}}
			ended := make(chan struct{})
			g.Go(func() error {
				defer close(ended)
				return joined(ctx, t, nodeStore{n, id}, Receivers{c, network.Peers(id)}, settings).Run(ctx)
			})
			stops[id] = func() { cancel(); <-ended }
		}
		running, stopAll := context.WithCancel(t.Context())
		for _, c := range n.controllers {
			g.Go(func() error { return c.Run(running) })
		}
		time.Sleep(time.Second)
		for id := range n.controllers {
			if !n.inService(id) {
				t.Errorf("broker %d is not in service", id)
			}
		}
		test(t, n, func(id int32) { stops[id]() })
		n.set(func() { n.leader = -1 })
		for _, stop := range stops {
			stop()
		}
		stopAll()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// joined registers a broker and returns its membership.
func joined(
	ctx context.Context, t *testing.T, store ports.MetadataStore, to Receivers, settings MembershipSettings,
) *Membership {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	epoch, err := Register(ctx, store, settings, log)
	if err != nil {
		t.Error(err)
	}
	settings.Epoch = epoch
	return NewMembership(store, to, settings, time.Now, log)
}

// gone cannot tell that a broker that is only cut off is gone: its address does not answer at all.
func (n *nodes) gone(ctx context.Context, id int32) bool {
	n.mu.Lock()
	away, ended := n.away[id], n.ended[id]
	n.mu.Unlock()
	if away && !ended {
		<-ctx.Done()
	}
	return ended
}

func (n *nodes) create(t *testing.T, replicas ...int32) {
	t.Helper()
	cmd := metadata.CreateTopic{
		Name: "t", ID: metadata.TopicID{1}, Partitions: -1, ReplicationFactor: -1,
		Assignments: [][]int32{replicas},
	}
	if _, err := (nodeStore{n, n.leader}).Apply(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
}

func TestASilentBrokerIsFencedAfterItsSessionAndComesBack(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.set(func() { n.away[2] = true })
		time.Sleep(1700 * time.Millisecond)
		if p := n.partition(t); p.Leader != 2 {
			t.Errorf("before the session was over: %+v", p)
		}
		time.Sleep(400 * time.Millisecond)
		if p := n.partition(t); p.Leader != 3 || len(p.ISR) != 2 || n.inService(2) {
			t.Errorf("after the session was over: %+v", p)
		}
		n.set(func() { n.away[2] = false })
		time.Sleep(time.Second)
		if !n.inService(2) {
			t.Error("the broker is back and not in service")
		}
	})
}

func TestANewLeaderOfTheMetadataGivesEveryBrokerAFullSession(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3, 1)
		n.set(func() { n.leader = -1 })
		time.Sleep(10 * time.Second)
		n.set(func() { n.leader = 3; n.away[1] = true })
		time.Sleep(1900 * time.Millisecond)
		if !n.inService(1) || !n.inService(2) || !n.inService(3) {
			t.Error("a broker was fenced before its session was over")
		}
		time.Sleep(200 * time.Millisecond)
		if n.inService(1) || !n.inService(2) || !n.inService(3) {
			t.Error("the old leader is away and in service, or others are not")
		}
		began, ended := n.log.with("this node leads the metadata"), n.log.with("this node does not lead the metadata")
		if len(began) != 2 || len(ended) != 1 || !strings.Contains(began[1], "node=3") {
			t.Errorf("the changes of the metadata's leader are logged as %q and %q", began, ended)
		}
	})
}

func TestABrokerHandsOverBeforeItStops(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, stop func(int32)) {
		n.create(t, 2, 3, 1)
		began := time.Now()
		stop(2)
		if p := n.partition(t); p.Leader != 3 || n.inService(2) {
			t.Errorf("partition %+v", p)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the stop took %v", took)
		}
	})
}

func TestABrokerWhosePlaceWasTakenStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{img: new(metadata.Image), leader: 1, controllers: map[int32]*Controller{}}
		log := slog.New(slog.DiscardHandler)
		c := NewController(nodeStore{n, 1}, n, ControllerSettings{}, time.Now, log)
		m := joined(t.Context(), t, nodeStore{n, 1}, Receivers{Local: c},
			MembershipSettings{NodeID: 1, Incarnation: [16]byte{1}})
		ended := make(chan error, 1)
		go func() { ended <- m.Run(t.Context()) }()
		<-m.Serving()
		if until := m.SessionUntil(); time.Until(until) != 2*time.Second || m.settings.Epoch != 1 {
			t.Errorf("session until %v with epoch %d", until, m.settings.Epoch)
		}
		if _, err := (nodeStore{n, 1}).Apply(t.Context(), metadata.RegisterBroker{
			ID:          1,
			Incarnation: [16]byte{2}, Fenced: true,
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, fault.StaleBrokerEpoch) {
			t.Errorf("Run() = %v", err)
		}
	})
}

// threeNodes returns three registered brokers, of which the first leads the metadata, and that one's store.
func threeNodes(t *testing.T) (*nodes, nodeStore) {
	t.Helper()
	n := &nodes{img: new(metadata.Image), leader: 1}
	store := nodeStore{n, 1}
	for id := range int32(3) {
		if _, err := store.Apply(t.Context(), metadata.RegisterBroker{ID: id + 1}); err != nil {
			t.Fatal(err)
		}
	}
	return n, store
}

func TestANodeThatWasStoppedItselfFencesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := threeNodes(t)
		c := NewController(store, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
		if over := c.expired(0); len(over) != 0 {
			t.Errorf("over at once: %+v", over)
		}
		time.Sleep(time.Minute)
		if over := c.expired(time.Minute - c.settings.Poll); len(over) != 0 {
			t.Errorf("over after a stop of a minute: %+v", over)
		}
		time.Sleep(c.settings.SessionTimeout)
		if over := c.expired(0); len(over) != 3 {
			t.Errorf("over after a session without a heartbeat: %+v", over)
		}
	})
}

func TestHeartbeatsAreAnsweredAsInKafka(t *testing.T) {
	image := func(cmds ...metadata.Command) *metadata.Image {
		img := new(metadata.Image)
		for _, cmd := range append([]metadata.Command{
			metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}, Fenced: true},
			metadata.RegisterBroker{ID: 2, Incarnation: [16]byte{1}},
		}, cmds...) {
			next, _, err := metadata.Apply(img, cmd)
			if err != nil {
				t.Fatal(err)
			}
			img = next
		}
		return img
	}
	unfenced := metadata.UnfenceBroker{ID: 1, Epoch: 1}
	leads := metadata.CreateTopic{
		Name: "t", ID: metadata.TopicID{1}, Partitions: -1, ReplicationFactor: -1,
		Assignments: [][]int32{{1, 2}},
	}
	for _, c := range []struct {
		name  string
		img   *metadata.Image
		req   ports.BrokerHeartbeat
		want  ports.BrokerHeartbeatReply
		kind  fault.Kind
		fence bool // the broker is fenced afterwards
		leave bool
	}{
		{
			name: "not caught up", img: image(), req: ports.BrokerHeartbeat{BrokerEpoch: 1},
			want: ports.BrokerHeartbeatReply{Fenced: true}, fence: true,
		},
		{
			name: "caught up", img: image(), req: ports.BrokerHeartbeat{BrokerEpoch: 1, MetadataIndex: 9},
			want: ports.BrokerHeartbeatReply{CaughtUp: true},
		},
		{
			name: "does not know that others lead in its place", img: image(unfenced, metadata.FenceBroker{ID: 1, Epoch: 1}),
			req:  ports.BrokerHeartbeat{BrokerEpoch: 1, MetadataIndex: 2},
			want: ports.BrokerHeartbeatReply{CaughtUp: true, Fenced: true}, fence: true,
		},
		{
			name: "knows that others lead in its place", img: image(unfenced, metadata.FenceBroker{ID: 1, Epoch: 1}),
			req: ports.BrokerHeartbeat{BrokerEpoch: 1, MetadataIndex: 9}, want: ports.BrokerHeartbeatReply{CaughtUp: true},
		},
		{
			name: "does not want to serve yet", img: image(), req: ports.BrokerHeartbeat{
				BrokerEpoch:   1,
				MetadataIndex: 1, WantFence: true,
			},
			want: ports.BrokerHeartbeatReply{CaughtUp: true, Fenced: true}, fence: true,
		},
		{
			name: "serves", img: image(unfenced), req: ports.BrokerHeartbeat{BrokerEpoch: 1, MetadataIndex: 1},
			want: ports.BrokerHeartbeatReply{CaughtUp: true},
		},
		{
			name: "wants to be fenced", img: image(unfenced), req: ports.BrokerHeartbeat{
				BrokerEpoch:   1,
				MetadataIndex: 1, WantFence: true,
			},
			want: ports.BrokerHeartbeatReply{CaughtUp: true, Fenced: true}, fence: true,
		},
		{
			name: "stops while fenced", img: image(), req: ports.BrokerHeartbeat{BrokerEpoch: 1, WantShutDown: true},
			want: ports.BrokerHeartbeatReply{Fenced: true, ShouldShutDown: true}, fence: true,
		},
		{
			name: "stops and leads nothing", img: image(unfenced),
			req:  ports.BrokerHeartbeat{BrokerEpoch: 1, WantShutDown: true},
			want: ports.BrokerHeartbeatReply{Fenced: true, ShouldShutDown: true}, fence: true,
		},
		{
			name: "stops and leads", img: image(unfenced, leads), req: ports.BrokerHeartbeat{BrokerEpoch: 1, WantShutDown: true},
			want: ports.BrokerHeartbeatReply{}, leave: true,
		},
		{
			name: "stops and others do not know yet", img: image(unfenced, leads, metadata.ShutDownBroker{ID: 1, Epoch: 1}),
			req: ports.BrokerHeartbeat{BrokerEpoch: 1, WantShutDown: true}, want: ports.BrokerHeartbeatReply{}, leave: true,
		},
		{
			name: "another epoch", img: image(), req: ports.BrokerHeartbeat{BrokerEpoch: 9}, kind: fault.StaleBrokerEpoch,
			fence: true,
		},
		{
			name: "an unknown broker", img: image(), req: ports.BrokerHeartbeat{BrokerID: 9, BrokerEpoch: 1},
			kind: fault.StaleBrokerEpoch, fence: true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &nodes{img: c.img, leader: 1}
			controller := NewController(nodeStore{n, 1}, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
			if c.req.BrokerID == 0 {
				c.req.BrokerID = 1
			}
			got, err := controller.Heartbeat(t.Context(), c.req)
			if got != c.want || fault.KindOf(err) != c.kind {
				t.Errorf("Heartbeat() = %+v, %v, want %+v, %v", got, err, c.want, c.kind)
			}
			if b, _ := n.image().Broker(1); b.Fenced != c.fence || b.ShuttingDown != c.leave {
				t.Errorf("the broker is now %+v", b)
			}
		})
	}
}

func TestHeartbeatsElsewhereThanAtTheLeaderAreRefused(t *testing.T) {
	n := &nodes{img: new(metadata.Image), leader: 2}
	c := NewController(nodeStore{n, 1}, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
	if _, err := c.Heartbeat(t.Context(), ports.BrokerHeartbeat{BrokerID: 1}); !errors.Is(err, fault.NotController) {
		t.Errorf("Heartbeat() = %v", err)
	}
}

func TestLeadershipGoesBackToThePreferredReplica(t *testing.T) {
	for _, enabled := range []bool{true, false} {
		inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
			n.set(func() { n.balance = enabled })
			n.create(t, 2, 3, 1)
			n.set(func() { n.away[2] = true })
			time.Sleep(3 * time.Second)
			n.set(func() { n.away[2] = false })
			time.Sleep(time.Second)
			p, leader := n.partition(t), int32(3)
			b, _ := n.image().Broker(leader)
			if _, err := (nodeStore{n, 1}).Apply(t.Context(), metadata.AlterPartition{
				TopicID: metadata.TopicID{1}, BrokerID: leader, BrokerEpoch: b.Epoch, LeaderEpoch: p.LeaderEpoch,
				Version: p.Version, ISR: []int32{3, 1, 2},
			}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Second)
			if enabled {
				leader = 2
			}
			if p := n.partition(t); p.Leader != leader {
				t.Errorf("with auto.leader.rebalance.enable=%t: %+v", enabled, p)
			}
		})
	}
}

func TestAnUncleanElectionTakesPlaceOnceItIsAllowed(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, n *nodes, _ func(int32)) {
		n.create(t, 2, 3)
		b, _ := n.image().Broker(2)
		alter := metadata.AlterPartition{TopicID: metadata.TopicID{1}, BrokerID: 2, BrokerEpoch: b.Epoch, ISR: []int32{2}}
		if _, err := (nodeStore{n, 1}).Apply(t.Context(), alter); err != nil {
			t.Fatal(err)
		}
		n.set(func() { n.away[2] = true })
		time.Sleep(3 * time.Second)
		if p := n.partition(t); p.Leader != -1 {
			t.Errorf("a replica leads that is not in sync: %+v", p)
		}
		allow := metadata.AlterConfigs{
			Type: metadata.ResourceTopic, Name: "t",
			Set: map[string]string{"unclean.leader.election.enable": "true"},
		}
		if _, err := (nodeStore{n, 1}).Apply(t.Context(), allow); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Second)
		if p := n.partition(t); p.Leader != 3 {
			t.Errorf("partition %+v, want leader 3", p)
		}
	})
}
