package controller

import (
	"context"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// leadershipProof proves that this node leads the metadata: a majority has to confirm it after it was asked. A leader
// that is cut off, or whose process was stopped, learns late that another node was elected, and would grant leases
// meanwhile. One question to the majority serves all callers that have joined before it was asked. So its cost does not
// grow with the number of brokers.
type leadershipProof struct {
	store   ports.MetadataStore
	timeout time.Duration // of one question

	asking chan struct{} // semaphore: one caller asks the majority at a time

	mu   sync.Mutex
	next *proofRound // the round that new callers join, nil if there is none yet
}

// proofRound is one question to the majority.
type proofRound struct {
	done chan struct{} // closed when err is set
	err  error
}

func newLeadershipProof(store ports.MetadataStore, timeout time.Duration) *leadershipProof {
	return &leadershipProof{store: store, timeout: timeout, asking: make(chan struct{}, 1)}
}

// prove returns nil if this node has led the metadata at some moment after the call, and its image has everything that
// was decided until then. Errors: fault.NotController, those of ports.MetadataStore.Barrier, ctx's.
func (p *leadershipProof) prove(ctx context.Context) error {
	round := p.join()
	select {
	case <-round.done:
		return round.err
	case <-ctx.Done():
		return ctx.Err()
	case p.asking <- struct{}{}:
	}
	defer func() { <-p.asking }()
	if p.begin(round) {
		round.err = p.ask(context.WithoutCancel(ctx)) // other callers wait for it, too
		close(round.done)
	}
	<-round.done
	return round.err
}

// join returns the next round.
func (p *leadershipProof) join() *proofRound {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil {
		p.next = &proofRound{done: make(chan struct{})}
	}
	return p.next
}

// begin closes a round to later callers. It reports false if another caller has begun it already.
func (p *leadershipProof) begin(round *proofRound) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != round {
		return false
	}
	p.next = nil
	return true
}

// ask asks the majority. A node that leads in the same term before and after has led all the time.
func (p *leadershipProof) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	before := p.store.Leadership()
	if !before.Local {
		return errNoController
	}
	if err := p.store.Barrier(ctx); err != nil {
		return err
	}
	if p.store.Leadership() != before {
		return errNoController
	}
	return nil
}

// errNoController refuses what only the metadata's leader does.
var errNoController = fault.New(fault.NotController, "this broker does not lead the metadata")
