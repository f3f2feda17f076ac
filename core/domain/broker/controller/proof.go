package controller

import (
	"context"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// leadershipProof shows that this node leads the metadata, and not only believes it: a majority has to say so after it
// was asked. A leader that is cut off, or was stopped and goes on, finds out late that others follow another one, and
// would grant leases meanwhile. One question to the majority serves all who have come before it was asked, so that its
// cost does not grow with the number of brokers.
type leadershipProof struct {
	store   ports.MetadataStore
	timeout time.Duration // of one question

	asking chan struct{} // has room for one: who is asking the majority

	mu   sync.Mutex
	next *proofRound // for those who come now, nil before the first of them has
}

// proofRound is one question to the majority.
type proofRound struct {
	done chan struct{} // closed when err is set
	err  error
}

func newLeadershipProof(store ports.MetadataStore, timeout time.Duration) *leadershipProof {
	return &leadershipProof{store: store, timeout: timeout, asking: make(chan struct{}, 1)}
}

// prove returns nil when this node has led the metadata at a moment after the call, and its image is as new as what
// had been decided by then. Errors: fault.NotController, those of ports.MetadataStore.Barrier, ctx's.
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
		round.err = p.ask(context.WithoutCancel(ctx)) // it is not for this caller alone
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

// begin closes a round to those who come later, unless somebody has begun it already.
func (p *leadershipProof) begin(round *proofRound) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next != round {
		return false
	}
	p.next = nil
	return true
}

// ask asks the majority. Who leads in one term before and after has led all the time.
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
