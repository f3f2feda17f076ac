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

// ControllerSettings define when a broker counts as lost. Zero values stand for the defaults.
type ControllerSettings struct {
	// SessionTimeout is how long a broker may be silent before it is fenced; default
	// broker.session.timeout.ms.
	SessionTimeout time.Duration
	// GoneTimeout bounds one call of Gone; default 300 ms.
	GoneTimeout time.Duration
	// GoneAfter is for how long each call of Gone must return true, without a heartbeat of the broker, before its session
	// ends early; default 250 ms. A broker that is alive sends a heartbeat in that time.
	GoneAfter time.Duration
	// Poll is the interval at which the leadership of the metadata is checked; default 50 ms.
	Poll time.Duration
	// Gone reports whether a broker's process seems to have ended: its machine refuses connections to its address. The
	// session of such a broker may end early, since it serves no client any more. nil means that this cannot be checked.
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

// Controller is the service that keeps the brokers' sessions while this node leads the metadata: it takes their
// heartbeats, fences brokers that send none, and gives leadership back to the preferred replicas. It does nothing while
// another node leads.
type Controller struct {
	store    ports.MetadataStore
	configs  controllerConfigs
	settings ControllerSettings
	clock    ports.Clock
	log      *slog.Logger
	noise    *limitedlog.Log // for errors of what is retried
	proof    *leadershipProof

	mu       sync.Mutex
	sessions *sessions // nil while this node does not lead

	hurried chan struct{} // there is work for watchSessions
}

// noiseOfBrokers is how many lines about brokers that could not be fenced may be written per limitedlog.Period.
const noiseOfBrokers = 20

// controllerConfigs is what Controller needs of the configs; see brokerconfigs.Configs.
type controllerConfigs interface {
	Int(key string) int64
	Bool(key string) bool
}

// NewController returns the controller of this node. It works while Run runs.
func NewController(
	store ports.MetadataStore, configs controllerConfigs, settings ControllerSettings, clock ports.Clock, log *slog.Logger,
) *Controller {
	settings.ensureDefaults()
	return &Controller{
		store: store, configs: configs, settings: settings, clock: clock, log: log,
		noise: limitedlog.New(log, noiseOfBrokers),
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
	var checks sync.WaitGroup
	defer checks.Wait()
	wait, led := c.settings.Poll, false
	for {
		led = c.logLeadership(ctx, led)
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
		c.checkSuspects(ctx, &checks)
		for _, broker := range c.expired(late) {
			c.fence(ctx, broker)
		}
		wait = c.pause()
	}
}

// logLeadership logs when this node has begun to lead the metadata, or does not lead it any more, and returns whether
// it does. led is whether it did before.
func (c *Controller) logLeadership(ctx context.Context, led bool) bool {
	switch now := c.store.Leadership(); {
	case now.Local && !led:
		c.log.InfoContext(ctx, "this node leads the metadata", "node", now.NodeID, "epoch", now.Term)
	case led && !now.Local:
		c.log.InfoContext(ctx, "this node does not lead the metadata any more", "leader", now.NodeID)
	default:
		return led
	}
	return !led
}

// expired returns the brokers whose sessions are over. late is how much longer than intended this node has slept. It
// extends the sessions, because this node may have received no heartbeats in that time.
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
// session, because only the previous leader knows when the last heartbeats were sent. The caller holds mu.
func (c *Controller) leads(img *metadata.Image, now time.Time) bool {
	switch leads := c.store.Leadership().Local; {
	case !leads:
		c.sessions = nil
		return false
	case c.sessions == nil:
		c.sessions = newSessions(c.settings.SessionTimeout)
		c.sessions.follow(img, now)
		for id := range c.sessions.brokers { // the previous leader, for one, has probably ended
			c.sessions.suspect(id)
		}
	}
	return true
}

// hurry makes watchSessions check the sessions at once.
func (c *Controller) hurry() {
	select {
	case c.hurried <- struct{}{}:
	default: // a check is due already
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
	c.log.WarnContext(ctx, "broker fenced", "broker", broker.id, "broker_epoch", broker.epoch,
		"reason", broker.reason())
}

// follow updates the sessions after a command.
func (c *Controller) follow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now, img := c.clock(), c.store.Image(); c.leads(img, now) {
		c.sessions.follow(img, now)
	}
}

// fenceRetry is the pause before another attempt to fence a broker.
const fenceRetry = 250 * time.Millisecond

// postpone sets the time of the next attempt to fence a broker.
func (c *Controller) postpone(broker ended) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sessions != nil {
		c.sessions.postpone(broker, c.clock().Add(fenceRetry))
	}
}

// isOver reports whether the broker's session is still over: a heartbeat may have arrived while others were fenced.
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

// Heartbeat processes a broker's heartbeat. As Kafka's controller does, it fences or unfences the broker or goes on
// with its controlled shutdown, as requested and possible. It answers after a majority has confirmed, after the
// heartbeat has arrived, that this node leads. Errors: fault.NotController, StaleBrokerEpoch, and those of the metadata
// store.
func (c *Controller) Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
	img, b, err := c.confirmed(ctx, req)
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

// confirmed extends the session of a broker, proves that this node leads, and returns the broker's registration as of a
// moment after the heartbeat has arrived. So any later leader of the metadata is elected after the heartbeat was sent.
// The broker's lease, which counts from then, ends before the session that the later leader grants.
func (c *Controller) confirmed(
	ctx context.Context, req ports.BrokerHeartbeat,
) (*metadata.Image, *metadata.Broker, error) {
	if _, _, err := c.touched(req); errors.Is(err, fault.NotController) {
		return nil, nil, err
	}
	if err := c.proof.prove(ctx); err != nil {
		return nil, nil, err
	}
	return c.touched(req)
}

// touched extends the session of a broker and returns its registration. It needs no proof that this node leads, because
// a longer session does no harm.
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
	c.sessions.follow(img, now) // otherwise the broker could be unfenced before it is noticed here that it was fenced
	c.sessions.touch(b.ID, req.MetadataIndex, now)
	return img, b, nil
}

// standing is the state of a broker in the cluster.
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

// next returns the standing of a broker after this heartbeat.
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
		cmd, change = metadata.ShutDownBroker{ID: b.ID, Epoch: b.Epoch}, "in controlled shutdown"
	case fenced, gone:
		cmd, change = metadata.FenceBroker{ID: b.ID, Epoch: b.Epoch}, "fenced"
	}
	if _, err := c.store.Apply(ctx, cmd); err != nil {
		return err
	}
	c.log.InfoContext(ctx, "broker state changed", "broker", b.ID, "broker_epoch", b.Epoch, "to", change,
		"shutdown", to == gone)
	return nil
}
