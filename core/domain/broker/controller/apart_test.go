package controller

import (
	"context"
	"iter"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
	"github.com/chronik-stream/chronik/internal/pause"
)

// election is Raft's election time-out with the default settings. With CheckQuorum, a leader without a majority stands
// down after two of them at the latest, and the others elect another leader after one to two.
const election = 600 * time.Millisecond

// apart is a cluster of five nodes whose network is partitioned: 1 and 2 on one side, 3, 4 and 5 on the other. Node 1
// has led the metadata.
type apart struct {
	rng *rand.Rand

	mu          sync.Mutex
	img         *metadata.Image // of the majority
	stale       *metadata.Image // what 1 and 2 know
	cut         bool
	lead        [2]ports.Leadership // as the minority and the majority know it
	controllers map[int32]*Controller
}

// apartStore is one node's metadata store.
type apartStore struct {
	*apart
	node int32
}

// minor reports whether the node has no majority. Called under the lock, as is side.
func (s apartStore) minor() bool { return s.cut && s.node <= 2 }

func (s apartStore) side() int {
	if s.node <= 2 {
		return 0
	}
	return 1
}

func (s apartStore) Leadership() ports.Leadership {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lead[s.side()]
	l.Local = l.NodeID == s.node
	return l
}

func (s apartStore) Image() *metadata.Image {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.minor() {
		return s.stale
	}
	return s.img
}

// agreed waits for a majority, which answers within a few milliseconds if there is one.
func (s apartStore) agreed(ctx context.Context) error {
	pause.For(ctx, s.draw(5*time.Millisecond))
	for ctx.Err() == nil {
		s.mu.Lock()
		ok := !s.minor() && s.lead[s.side()].NodeID >= 0
		s.mu.Unlock()
		if ok {
			return nil
		}
		pause.For(ctx, 10*time.Millisecond)
	}
	return fault.NotController
}

func (s apartStore) Barrier(ctx context.Context) error { return s.agreed(ctx) }

func (s apartStore) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	if err := s.agreed(ctx); err != nil {
		return metadata.Result{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next, res, err := metadata.Apply(s.img, cmd)
	s.img = next
	return res, err
}

func (apartStore) Watch(context.Context) iter.Seq[*metadata.Image] { return nil }
func (apartStore) Close() error                                    { return nil }
func (*apart) Int(string) int64                                    { return 300 }
func (*apart) Bool(string) bool                                    { return false }

// reach loses messages from one side to the other.
func (a *apart) reach(from, to int32) porttest.Reach {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cut && (from <= 2) != (to <= 2) {
		return porttest.Lost
	}
	return porttest.Arrives
}

func (a *apart) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// draw returns a random time below most.
func (a *apart) draw(most time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Duration(a.rng.Int64N(int64(most)))
}

// fallApart cuts 1 and 2 off, with the timing of Raft.
func (a *apart) fallApart() (elected, deposed time.Duration) {
	elected, deposed = election+a.draw(election), election+a.draw(election)
	if a.draw(2) == 0 { // the worst case, nearly
		elected, deposed = election, 2*election-time.Millisecond
	}
	a.set(func() { a.cut, a.stale, a.lead[1] = true, a.img, ports.Leadership{NodeID: -1} })
	time.AfterFunc(elected, func() { a.set(func() { a.lead[1] = ports.Leadership{NodeID: 3, Term: 2} }) })
	time.AfterFunc(deposed, func() { a.set(func() { a.lead[0] = ports.Leadership{NodeID: -1} }) })
	return elected, deposed
}

func TestALeaseEndsBeforeAnyLeaderOfTheMetadataElectsAnotherBroker(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fallApart(t, seed) })
		})
	}
}

func fallApart(t *testing.T, seed uint64) {
	first := ports.Leadership{NodeID: 1, Term: 1}
	a := &apart{
		rng: rand.New(rand.NewPCG(seed, 8)), img: new(metadata.Image), lead: [2]ports.Leadership{first, first},
		controllers: map[int32]*Controller{},
	}
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	leases := map[int32]*replicas.Lease{}
	network := porttest.NewNetwork(a.reach)
	for id := int32(1); id <= 5; id++ {
		a.controllers[id] = NewController(apartStore{a, id}, a, ControllerSettings{}, time.Now, log)
		network.Join(id, porttest.Node{Heartbeat: a.controllers[id].Heartbeat})
	}
	for id := int32(1); id <= 5; id++ {
		leases[id] = replicas.NewLease(time.Now)
		settings := MembershipSettings{
			NodeID: id, Incarnation: [16]byte{byte(id)}, Lease: leases[id], ShutdownTimeout: time.Millisecond,
		}
		pause.For(ctx, a.draw(200*time.Millisecond)) // their heartbeats come at different moments
		working.Go(func() {
			_ = joined(ctx, t, apartStore{a, id}, Receivers{a.controllers[id], network.Peers(id)}, settings).Run(ctx)
		})
		working.Go(func() { _ = a.controllers[id].Run(ctx) })
	}
	time.Sleep(time.Second)
	cmd := metadata.CreateTopic{
		Name: "t", ID: metadata.TopicID{1}, Partitions: -1, ReplicationFactor: -1,
		Assignments: [][]int32{{2, 3, 4}, {1, 5, 3}},
	}
	if _, err := (apartStore{a, 3}).Apply(ctx, cmd); err != nil {
		t.Fatal(err)
	}
	time.Sleep(a.draw(400 * time.Millisecond))
	elected, deposed := a.fallApart()
	replaced := 0
	for began := time.Now(); time.Since(began) < 5*time.Second && replaced < 2; time.Sleep(time.Millisecond) {
		topic, _ := (apartStore{a, 3}).Image().Topic("t")
		replaced = 0
		for n, old := range []int32{2, 1} {
			if p := topic.Partitions[n]; p.Leader != old {
				replaced++
				if leases[old].Holds() {
					t.Errorf("%v after the cut broker %d leads t-%d, and the lease of broker %d holds; "+
						"elected after %v, deposed after %v", time.Since(began), p.Leader, n, old, elected, deposed)
				}
			}
		}
	}
	if replaced < 2 {
		t.Error("nobody leads in the place of those who are cut off")
	}
	a.set(func() { a.cut, a.lead = false, [2]ports.Leadership{{NodeID: 3, Term: 2}, {NodeID: 3, Term: 2}} })
	time.Sleep(time.Second)
	for id, lease := range leases {
		if !lease.Holds() {
			t.Errorf("broker %d may not lead, though all is well again", id)
		}
	}
	cancel()
	working.Wait()
}
