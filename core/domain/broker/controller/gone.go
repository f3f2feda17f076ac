package controller

import (
	"context"
	"sync"

	"github.com/chronik-stream/chronik/internal/pause"
)

// Disconnected reports that the connection of the broker's last heartbeat broke, as that of a killed process does. It
// starts a check whether the broker is gone, which its next heartbeat ends.
func (c *Controller) Disconnected(brokerID int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		return
	}
	c.sessions.suspect(brokerID)
	c.hurry()
}

// checkSuspects starts goroutines, counted in checks, that find out which suspects are gone and end their sessions.
func (c *Controller) checkSuspects(ctx context.Context, checks *sync.WaitGroup) {
	for id, of := range c.suspects() {
		checks.Go(func() { c.checked(id, of, c.isGone(ctx, id)) })
	}
}

// isGone reports whether a broker is gone during the whole of GoneAfter, which is longer than a live broker is silent.
// That its address refuses connections is no proof alone: a firewall does so too, or a proxy that passes no connections
// on to a broker that is not ready.
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

// suspects returns the brokers in service that may be gone and are not being checked yet.
func (c *Controller) suspects() map[int32]*suspicion {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.leads(c.store.Image(), c.clock()) {
		return nil
	}
	return c.sessions.unchecked()
}

// checked records whether a suspect is gone.
func (c *Controller) checked(id int32, of *suspicion, gone bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions != nil && c.sessions.checked(id, of, gone, c.clock()) {
		c.hurry()
	}
}
