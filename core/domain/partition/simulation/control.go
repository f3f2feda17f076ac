package simulation

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// control is the metadata leader: it decides commands and keeps the brokers' sessions.
type control struct {
	w        *world
	pause    pause
	sessions []time.Duration // when each ends
	fenced   []int64         // the index of the image in which each was fenced last
	expired  map[int32]bool  // leader epochs that ended because a session did
}

func newControl(w *world, nodes int) *control {
	return &control{w: w, sessions: make([]time.Duration, nodes), fenced: make([]int64, nodes), expired: map[int32]bool{}}
}

func (c *control) start() {
	c.w.after(20*time.Millisecond, func() {
		c.whenRunning(c.expire)
		c.start()
	})
}

func (c *control) whenRunning(do func()) { c.pause.run(do) }

// stop makes the metadata unavailable for a while. Who leads them after grants every session anew.
func (c *control) stop(d time.Duration) {
	c.pause.begin(c.w, d, func() {
		for id := range c.sessions {
			c.sessions[id] = c.w.now + session
		}
	})
}

// expire fences the brokers whose sessions have ended.
func (c *control) expire() {
	for _, b := range c.w.meta.image.brokers {
		if b.Fenced || c.sessions[b.ID] > c.w.now {
			continue
		}
		before := c.w.meta.image
		if _, err := c.w.meta.apply(metadata.FenceBroker{ID: b.ID, Epoch: b.Epoch}); err != nil {
			c.w.fail("fence %d: %v", b.ID, err)
		}
		c.fenced[b.ID] = c.w.meta.image.index
		if before.Leader == b.ID {
			c.expired[before.LeaderEpoch] = true
		}
		c.changed("session of %d ended", b.ID)
	}
}

// heartbeat reports whether the broker's session is extended. It is unfenced when it has seen its own registration, and that it was
// fenced.
func (c *control) heartbeat(id int32, epoch, seen int64) bool {
	b := c.w.meta.image.brokers[id]
	if b.Epoch != epoch || b.Fenced && seen < max(b.Epoch, c.fenced[id]) {
		return false
	}
	c.sessions[id] = c.w.now + session
	if b.Fenced {
		if _, err := c.w.meta.apply(metadata.UnfenceBroker{ID: id, Epoch: epoch}); err != nil {
			return false
		}
		c.changed("%d is unfenced", id)
	}
	return true
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
