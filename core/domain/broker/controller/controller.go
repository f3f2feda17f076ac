package controller

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// ControllerSettings say when a broker counts as lost. Zero values stand for the defaults.
type ControllerSettings struct {
	// SessionTimeout is how long a broker may be silent before it is fenced; default
	// broker.session.timeout.ms.
	SessionTimeout time.Duration
	// GoneTimeout is how long it may take to ask once whether a broker is gone; default 300 ms.
	GoneTimeout time.Duration
	// GoneAfter is how long a broker must be gone, whenever it is asked, and not be heard of, before its session ends for
	// that; default 250 ms, in which a broker that is alive sends a heartbeat.
	GoneAfter time.Duration
	// Poll is at which interval the leadership of the metadata is looked at; default 50 ms.
	Poll time.Duration
	// Gone reports whether a broker's process has ended, as far as can be told from here: its machine says
	// that nobody listens. Such a broker need not be waited for until its session ends, for it serves nobody.
	// nil when nothing can be told.
	Gone func(ctx context.Context, id int32) bool
}

func (s *ControllerSettings) ensureDefaults() {
	s.SessionTimeout = cmp.Or(s.SessionTimeout, sessionTimeout())
	s.GoneTimeout = cmp.Or(s.GoneTimeout, 300*time.Millisecond)
	s.GoneAfter = cmp.Or(s.GoneAfter, 250*time.Millisecond)
	s.Poll = cmp.Or(s.Poll, 50*time.Millisecond)
	if s.Gone == nil {
		s.Gone = func(context.Context, int32) bool { return false }
	}
}

// Controller is the service that keeps the brokers' sessions where this node leads the metadata: it takes
// their heartbeats, fences who is not heard of, and gives leaderships back to the preferred replicas.
// Elsewhere it does nothing.
type Controller struct {
	store    ports.MetadataStore
	configs  controllerConfigs
	settings ControllerSettings
	clock    ports.Clock
	log      *slog.Logger
	noise    *limitedlog.Log // of what is tried again and again
	proof    *leadershipProof

	mu       sync.Mutex
	sessions *sessions // nil where this node does not lead

	hurried chan struct{} // there is something to do for watchSessions
}

// noiseOfBrokers is how many lines about brokers that could not be fenced may be written per limitedlog.Period.
const noiseOfBrokers = 20

// controllerConfigs is what Controller needs of Configs.
type controllerConfigs interface {
	Int(key string) int64
	Bool(key string) bool
}

// NewController returns the controller of this node. Run makes it work.
func NewController(
	store ports.MetadataStore, configs controllerConfigs, settings ControllerSettings, clock ports.Clock, log *slog.Logger,
) *Controller {
	settings.ensureDefaults()
	return &Controller{
		store: store, configs: configs, settings: settings, clock: clock, log: log, noise: limitedlog.New(log, noiseOfBrokers),
		proof: newLeadershipProof(store, settings.SessionTimeout/4), hurried: make(chan struct{}, 1),
	}
}

// Run watches the sessions until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.watchSessions(ctx) })
	g.Go(func() error { return c.balance(ctx) })
	return g.Wait()
}

// watchSessions fences the brokers whose sessions are over.
func (c *Controller) watchSessions(ctx context.Context) error {
	var looking sync.WaitGroup
	defer looking.Wait()
	wait := c.settings.Poll
	for {
		due := c.clock().Add(wait)
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-c.hurried:
			timer.Stop()
		}
		late := c.clock().Sub(due)
		c.lookAround(ctx, &looking)
		for _, broker := range c.expired(late) {
			c.fence(ctx, broker)
		}
		wait = c.pause()
	}
}

// expired returns the brokers whose sessions are over. late is by how much this node has slept longer than it wanted
// to: what it has not heard meanwhile is its own fault.
func (c *Controller) expired(late time.Duration) []ended {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, img := c.clock(), c.store.Image()
	if !c.leads(img, now) {
		return nil
	}
	if late > c.settings.Poll {
		c.sessions.extend(late)
	}
	c.sessions.follow(img, now)
	return c.sessions.expired(now)
}

// leads reports whether this node leads the metadata. When it has just begun to, every broker in service gets a full
// session: the leader before has known when they were heard of, this one does not.
func (c *Controller) leads(img *metadata.Image, now time.Time) bool {
	switch leads := c.store.Leadership().Local; {
	case !leads:
		c.sessions = nil
		return false
	case c.sessions == nil:
		c.sessions = newSessions(c.settings.SessionTimeout)
		c.sessions.follow(img, now)
		for id := range c.sessions.brokers { // most likely the leader before is among those that are gone
			c.sessions.suspect(id)
		}
	}
	return true
}

// hurry has watchSessions look at once what there is to do.
func (c *Controller) hurry() {
	select {
	case c.hurried <- struct{}{}:
	default: // it is about to look
	}
}

func (c *Controller) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions == nil {
		return c.settings.Poll
	}
	return c.sessions.next(c.clock(), c.settings.Poll)
}

func (c *Controller) fence(ctx context.Context, broker ended) {
	ctx, cancel := context.WithTimeout(ctx, c.settings.SessionTimeout)
	defer cancel()
	if !c.isOver(broker) {
		return
	}
	if _, err := c.store.Apply(ctx, metadata.FenceBroker{ID: broker.id, Epoch: broker.epoch}); err != nil {
		c.postpone(broker)
		if !errors.Is(err, context.Canceled) {
			c.noise.Warn(ctx, "broker not fenced", "broker", broker.id, "broker_epoch", broker.epoch, "err", err)
		}
		return
	}
	c.follow()
	c.log.WarnContext(ctx, "broker fenced: it was not heard of", "broker", broker.id, "broker_epoch", broker.epoch)
}

// follow takes note of what was decided just now.
func (c *Controller) follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, img := c.clock(), c.store.Image(); c.leads(img, now) {
		c.sessions.follow(img, now)
	}
}

// fenceRetry is how long a broker that could not be fenced is left in service.
const fenceRetry = 250 * time.Millisecond

// postpone has a broker that could not be fenced be tried again later.
func (c *Controller) postpone(broker ended) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions != nil {
		c.sessions.postpone(broker, c.clock().Add(fenceRetry))
	}
}

// isOver reports whether the broker's session is still over: it may have been heard of while others were fenced.
func (c *Controller) isOver(broker ended) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if !c.leads(c.store.Image(), now) {
		return false
	}
	of := c.sessions.brokers[broker.id]
	return of != nil && of.epoch == broker.epoch && now.After(of.deadline)
}

// Heartbeat takes a broker's heartbeat, and fences, unfences or shuts it down as it wants and may, as Kafka's
// controller does. The answer is given when a majority has confirmed, after the heartbeat had come in, that this node
// leads. Errors: fault.NotController, StaleBrokerEpoch, and those of the metadata store.
func (c *Controller) Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	img, b, err := c.heard(ctx, req)
	if err != nil {
		return ports.BrokerHeartbeatReply{}, err
	}
	reply := ports.BrokerHeartbeatReply{CaughtUp: req.MetadataIndex >= b.Epoch}
	next := c.next(img, b, req)
	if next != standingOf(b) {
		if err := c.move(ctx, b, next); err != nil {
			return ports.BrokerHeartbeatReply{}, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	if !c.leads(c.store.Image(), now) {
		return ports.BrokerHeartbeatReply{}, errNoController
	}
	c.sessions.follow(c.store.Image(), now)
	c.sessions.touch(b.ID, req.MetadataIndex, now)
	reply.Fenced = next == fenced || next == gone || !c.sessions.knows(b.ID, req.MetadataIndex)
	reply.ShouldShutDown = next == gone
	return reply, nil
}

// heard notes that a broker is alive, proves that this node leads, and returns the broker's registration as of a
// moment after the heartbeat had come in. So a lease, which counts from when the heartbeat was sent, ends before the
// session that any later leader of the metadata grants.
func (c *Controller) heard(ctx context.Context, req ports.BrokerHeartbeat) (*metadata.Image, *metadata.Broker, error) {
	if _, _, err := c.touched(req); errors.Is(err, fault.NotController) {
		return nil, nil, err
	}
	if err := c.proof.prove(ctx); err != nil {
		return nil, nil, err
	}
	return c.touched(req)
}

// touched keeps the session of a broker, which is alive, and returns its registration. A longer session
// does no harm, whoever leads.
func (c *Controller) touched(req ports.BrokerHeartbeat) (*metadata.Image, *metadata.Broker, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, img := c.clock(), c.store.Image()
	if !c.leads(img, now) {
		return nil, nil, errNoController
	}
	b, ok := img.Broker(req.BrokerID)
	switch {
	case !ok:
		return nil, nil, fault.New(fault.StaleBrokerEpoch, "No broker registration found for broker id %d", req.BrokerID)
	case b.Epoch != req.BrokerEpoch:
		return nil, nil, fault.New(fault.StaleBrokerEpoch, "Expected broker epoch %d, but got broker epoch %d", b.Epoch,
			req.BrokerEpoch)
	}
	c.sessions.follow(img, now) // or the broker could come back into service before it was noticed here that it was fenced
	c.sessions.touch(b.ID, req.MetadataIndex, now)
	return img, b, nil
}

// standing is a broker's place in the cluster.
type standing uint8

const (
	fenced standing = iota
	inService
	leaving // in controlled shutdown
	gone    // fenced, and told to stop
)

func standingOf(b *metadata.Broker) standing {
	switch {
	case b.Fenced:
		return fenced
	case b.ShuttingDown:
		return leaving
	}
	return inService
}

// next returns where a broker with this heartbeat comes to stand.
func (c *Controller) next(img *metadata.Image, b *metadata.Broker, req ports.BrokerHeartbeat) standing {
	now := standingOf(b)
	switch {
	case now == fenced && req.WantShutDown:
		return gone
	case now == fenced && !req.WantFence && req.MetadataIndex >= b.Epoch && c.mayReturn(b.ID, req.MetadataIndex):
		return inService
	case now == inService && req.WantFence && !req.WantShutDown:
		return fenced
	case now == inService && req.WantShutDown:
		if !req.WantFence && img.Leads(b.ID) {
			return leaving
		}
		return gone
	case now == leaving && !img.Leads(b.ID) && c.handedOver(b.ID):
		return gone
	}
	return now
}

func (c *Controller) mayReturn(id int32, index int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions != nil && c.sessions.mayReturn(id, index)
}

func (c *Controller) handedOver(id int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions != nil && c.sessions.handedOver(id)
}

// move changes a broker's standing.
func (c *Controller) move(ctx context.Context, b *metadata.Broker, to standing) error {
	var (
		cmd    metadata.Command
		change string
	)
	switch to {
	case inService:
		cmd, change = metadata.UnfenceBroker{ID: b.ID, Epoch: b.Epoch}, "in service"
	case leaving:
		cmd, change = metadata.ShutDownBroker{ID: b.ID, Epoch: b.Epoch}, "hands over"
	case fenced, gone:
		cmd, change = metadata.FenceBroker{ID: b.ID, Epoch: b.Epoch}, "fenced"
	}
	if _, err := c.store.Apply(ctx, cmd); err != nil {
		return err
	}
	c.log.InfoContext(ctx, "broker changes", "broker", b.ID, "broker_epoch", b.Epoch, "to", change, "shutdown", to == gone)
	return nil
}
