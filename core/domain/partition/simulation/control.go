package simulation

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// control is what decides commands: the state machine, wherever it is asked, while somebody leads. Who leads
// keeps the brokers' sessions.
type control struct {
	w       *world
	pause   pause          // nobody leads
	seats   []*seat        // who may lead
	leader  *seat          // who really leads, whatever the others believe; nil for nobody
	term    int            // in which it does
	expired map[int32]bool // leader epochs that ended because a session did
}

func newControl(w *world, nodes int) *control {
	c := &control{w: w, expired: map[int32]bool{}}
	for n := range seats {
		c.seats = append(c.seats, newSeat(c, n, nodes))
	}
	c.leader = c.seats[0]
	return c
}

func (c *control) start() {
	c.leader.begin()
	c.look()
}

// look has the sessions looked at again and again.
func (c *control) look() {
	c.w.after(20*time.Millisecond, func() {
		for _, s := range c.seats {
			s.pause.run(s.expire)
		}
		c.look()
	})
}

func (c *control) whenRunning(do func()) { c.pause.run(do) }

// grant gives a broker that has just registered a session.
func (c *control) grant(id int32) {
	if c.leader != nil {
		c.leader.sessions[id] = c.w.now + session
	}
}

// fence fences a broker whose session has ended.
func (c *control) fence(b metadata.Broker) {
	before := c.w.meta.image
	if _, err := c.w.meta.apply(metadata.FenceBroker{ID: b.ID, Epoch: b.Epoch}); err != nil {
		c.w.fail("fence %d: %v", b.ID, err)
	}
	if before.Leader == b.ID {
		c.expired[before.LeaderEpoch] = true
	}
	c.changed("session of %d ended", b.ID)
}

// changed tells all nodes of the newest image.
func (c *control) changed(format string, args ...any) {
	img := c.w.meta.image
	if c.w.opt.Trace > 0 {
		c.w.trace("metadata %d: "+format+"; leader %d epoch %d version %d isr %v replicas %v", append(append([]any{img.index}, args...),
			img.Leader, img.LeaderEpoch, img.Version, img.ISR, img.Replicas)...)
	}
	for _, n := range c.w.nodes {
		c.w.net.send(controller, n.id, func() { n.install(img) })
		c.announce(n)
	}
}

// pause holds back what happens at a place, as when its process is stopped and goes on.
type pause struct {
	on   bool
	held []func()
}

func (p *pause) run(do func()) {
	if p.on {
		p.held = append(p.held, do)
		return
	}
	do()
}

func (p *pause) begin(w *world, d time.Duration, resumed func()) {
	if p.on {
		return
	}
	p.on = true
	w.after(d, func() {
		p.on = false
		resumed()
		held := p.held
		p.held = nil
		for _, do := range held {
			do()
		}
	})
}
