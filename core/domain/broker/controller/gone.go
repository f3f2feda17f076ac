package controller

import (
	"context"
	"sync"

	"github.com/chronik-stream/chronik/internal/pause"
)

// Disconnected says that the connection over which the broker has sent its last heartbeat broke, as that of a killed
// process does. Until it is heard of again, it is looked after whether it is gone.
func (c *Controller) Disconnected(brokerID int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		return
	}
	c.sessions.suspect(brokerID)
	c.hurry()
}

// lookAround finds out which brokers are gone, and ends their sessions. It does not wait for that: looking does.
func (c *Controller) lookAround(ctx context.Context, looking *sync.WaitGroup) {
	for id, of := range c.suspects() {
		looking.Go(func() { c.looked(id, of, c.isGone(ctx, id)) })
	}
}

// isGone reports whether a broker is gone for as long as somebody who is alive may be silent: that nobody listens at
// its address says little alone, for a firewall can say so as well, or a proxy that has been told to pass nothing on
// to a broker that is not ready.
func (c *Controller) isGone(ctx context.Context, id int32) bool {
	for began := c.clock(); ; {
		asking, cancel := context.WithTimeout(ctx, c.settings.GoneTimeout)
		gone := c.settings.Gone(asking, id)
		cancel()
		left := began.Add(c.settings.GoneAfter).Sub(c.clock())
		if !gone || left <= 0 {
			return gone
		}
		pause.For(ctx, min(left, c.settings.Poll))
		if ctx.Err() != nil {
			return false
		}
	}
}

// suspects returns the brokers in service that may be gone, and that nobody looks after yet.
func (c *Controller) suspects() map[int32]*suspicion {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.leads(c.store.Image(), c.clock()) {
		return nil
	}
	return c.sessions.look()
}

// looked takes note of whether a suspect is gone.
func (c *Controller) looked(id int32, of *suspicion, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions != nil && c.sessions.looked(id, of, gone, c.clock()) {
		c.hurry()
	}
}
