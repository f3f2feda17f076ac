package simulation

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// control decides on commands while there is a leader of the metadata. The leader keeps the brokers' sessions.
type control struct {
	w       *world
	pause   pause          // there is no leader
	seats   []*seat        // the nodes that may lead the metadata
	leader  *seat          // the actual leader, whatever the others believe; nil for none
	term    int            // its term
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
	c.expireSessions()
}

// expireSessions ends expired sessions now and then.
func (c *control) expireSessions() {
	c.w.after(20*time.Millisecond, func() {
		for _, s := range c.seats {
			s.pause.run(s.expire)
		}
		c.expireSessions()
	})
}

func (c *control) whenRunning(do func()) { c.pause.run(do) }

// grant gives a session to a broker that has just registered.
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

// changed sends the newest image to all nodes.
func (c *control) changed(format string, args ...any) {
	img := c.w.meta.image
	if c.w.opt.Trace > 0 {
		args = append(append([]any{img.index}, args...), img.Leader, img.LeaderEpoch, img.Version, img.ISR, img.Replicas)
		c.w.trace("metadata %d: "+format+"; leader %d epoch %d version %d isr %v replicas %v", args...)
	}
	for _, n := range c.w.nodes {
		c.w.net.send(controller, n.id, func() { n.install(img) })
		c.announce(n)
	}
}

// pause delays the events at a place, as when its process is stopped and continued.
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
