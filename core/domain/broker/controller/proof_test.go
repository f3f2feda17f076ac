package controller

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// askedStore is a node's store whose majority answers when the test says so.
type askedStore struct {
	nodeStore
	asked  atomic.Int32
	answer chan error // nil: at once
	term   atomic.Uint64
}

func (s *askedStore) Barrier(ctx context.Context) error {
	s.asked.Add(1)
	if s.answer == nil {
		return nil
	}
	select {
	case err := <-s.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *askedStore) Leadership() ports.Leadership {
	l := s.nodeStore.Leadership()
	l.Term = s.term.Load()
	return l
}

// beat sends the heartbeat of a broker that has seen everything.
func (n *nodes) beat(t *testing.T, c *Controller, id int32) (ports.BrokerHeartbeatReply, error) {
	t.Helper()
	b, _ := n.image().Broker(id)
	return c.Heartbeat(t.Context(), ports.BrokerHeartbeat{
		BrokerID: id, BrokerEpoch: b.Epoch,
		MetadataIndex: int64(n.image().Index()),
	})
}

func TestOneQuestionToTheMajorityServesAllHeartbeatsThatWereThereBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := threeNodes(t)
		s := &askedStore{nodeStore: store, answer: make(chan error)}
		c := NewController(s, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
		var answered atomic.Int32
		var waiting sync.WaitGroup
		for i := range int32(100) {
			waiting.Go(func() {
				if _, err := n.beat(t, c, i%3+1); err != nil {
					t.Error(err)
				}
				answered.Add(1)
			})
			if i == 0 {
				synctest.Wait() // the first one has asked already, so later ones need another question
			}
		}
		synctest.Wait()
		for round, want := range []int32{1, 100} {
			if asked := s.asked.Load(); asked != int32(round+1) {
				t.Errorf("the majority was asked %d times in round %d", asked, round+1)
			}
			s.answer <- nil
			synctest.Wait()
			if got := answered.Load(); got != want {
				t.Errorf("%d heartbeats are answered after round %d, want %d", got, round+1, want)
			}
		}
		waiting.Wait()
	})
}

func TestAHeartbeatIsNotAnsweredByALeaderOfTheMetadataThatMayHaveBeenReplaced(t *testing.T) {
	for name, happens := range map[string]func(s *askedStore){
		"no majority answers":                       func(s *askedStore) { s.answer <- fault.NotController },
		"no majority answers in time":               func(*askedStore) {},
		"another leads":                             func(s *askedStore) { s.set(func() { s.leader = 2 }); s.answer <- nil },
		"another has led and this node leads again": func(s *askedStore) { s.term.Add(2); s.answer <- nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, store := threeNodes(t)
				s := &askedStore{nodeStore: store, answer: make(chan error)}
				c := NewController(s, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
				answer := make(chan error)
				go func() {
					_, err := n.beat(t, c, 2)
					answer <- err
				}()
				synctest.Wait()
				happens(s)
				if err := <-answer; err == nil {
					t.Error("the heartbeat is answered")
				}
				s.answer = nil
				s.set(func() { s.leader = 1 })
				if _, err := n.beat(t, c, 2); err != nil {
					t.Errorf("the next heartbeat, while a majority answers: %v", err)
				}
			})
		})
	}
}

func TestACallerThatGivesUpDoesNotTakeTheProofFromTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, store := threeNodes(t)
		s := &askedStore{nodeStore: store, answer: make(chan error)}
		p := newLeadershipProof(s, time.Second)
		first, giveUp := context.WithCancel(t.Context())
		errs := make(chan error, 3)
		go func() { errs <- p.prove(first) }()
		synctest.Wait()
		second, giveUpToo := context.WithCancel(t.Context())
		go func() { errs <- p.prove(second) }()
		go func() { errs <- p.prove(t.Context()) }()
		synctest.Wait()
		giveUp() // this caller is the one that asks
		giveUpToo()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who has given up while others ask: %v", err)
		}
		s.answer <- nil
		s.answer <- nil
		for range 2 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

// Broker 2 is fenced because it has sent no heartbeat. Its next one arrives before the controller checks again.
func TestAFencedBrokerThatHasNotSeenItGetsNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := threeNodes(t)
		c := NewController(store, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
		n.create(t, 2, 3, 1)
		b, _ := n.image().Broker(2)
		beat := func(seen uint64) ports.BrokerHeartbeatReply {
			t.Helper()
			reply, err := c.Heartbeat(t.Context(), ports.BrokerHeartbeat{
				BrokerID: 2, BrokerEpoch: b.Epoch,
				MetadataIndex: int64(seen),
			})
			if err != nil {
				t.Fatal(err)
			}
			return reply
		}
		before := n.image().Index()
		if beat(before).Fenced {
			t.Fatal("a broker in service is fenced")
		}
		apply := func(cmd metadata.Command) {
			t.Helper()
			if _, err := store.Apply(t.Context(), cmd); err != nil {
				t.Fatal(err)
			}
		}
		apply(metadata.FenceBroker{ID: 2, Epoch: b.Epoch})
		if !beat(before).Fenced || n.inService(2) {
			t.Error("it is in service before it can know that broker 3 leads in its place")
		}
		apply(metadata.UnfenceBroker{ID: 2, Epoch: b.Epoch}) // a delayed command
		if !beat(before).Fenced {
			t.Error("it gets a lease before it can know that broker 3 leads in its place")
		}
		if beat(n.image().Index()).Fenced {
			t.Error("it knows who leads, and gets no lease")
		}
	})
}

// refusingStore refuses to fence.
type refusingStore struct {
	nodeStore
	fences atomic.Int32
}

func (s *refusingStore) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	if _, ok := cmd.(metadata.FenceBroker); ok {
		s.fences.Add(1)
		return metadata.Result{}, fault.NotController
	}
	return s.nodeStore.Apply(ctx, cmd)
}

func TestABrokerThatCannotBeFencedIsTriedAgainNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, store := threeNodes(t)
		s := &refusingStore{nodeStore: store}
		c := NewController(s, n, ControllerSettings{}, time.Now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(c.settings.SessionTimeout + 10*time.Second)
		if tried := s.fences.Load(); tried < 3*30 || tried > 3*45 {
			t.Errorf("three silent brokers are tried %d times in ten seconds", tried)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
