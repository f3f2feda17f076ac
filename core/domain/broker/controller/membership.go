package controller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/pause"
)

// MembershipSettings say who this broker is and how it stays in its cluster. Zero durations stand for the defaults.
type MembershipSettings struct {
	NodeID      int32
	Incarnation [16]byte // of this start, by chance
	Rack        string
	Epoch       int64               // of its registration; see Register
	Endpoints   []metadata.Endpoint // where clients and other brokers reach it
	Lease       Lease               // renewed with the session; nil for none

	HeartbeatInterval time.Duration // default broker.heartbeat.interval.ms
	HeartbeatTimeout  time.Duration // of one heartbeat; default controller.socket.timeout.ms
	RetryInterval     time.Duration // after a heartbeat that failed, and while shutting down; default 50 ms
	RegisterTimeout   time.Duration // of one attempt to register; default 5 s
	ShutdownTimeout   time.Duration // how long a stop waits until others have taken over; default 10 s
	SessionTimeout    time.Duration // as the controller has it; default broker.session.timeout.ms
}

// Lease says until when this broker may lead partitions without having heard from the metadata's leader.
type Lease interface {
	// Now is the time in which the lease counts.
	Now() time.Duration
	// Renew extends the lease after a heartbeat that was sent at the time given was answered.
	Renew(sent, session time.Duration)
}

func (s *MembershipSettings) ensureDefaults() {
	s.HeartbeatInterval = cmp.Or(s.HeartbeatInterval, time.Duration(configdef.Decided("broker.heartbeat.interval.ms"))*time.Millisecond)
	s.HeartbeatTimeout = cmp.Or(s.HeartbeatTimeout, time.Duration(configdef.Decided("controller.socket.timeout.ms"))*time.Millisecond)
	s.RetryInterval = cmp.Or(s.RetryInterval, 50*time.Millisecond)
	s.RegisterTimeout = cmp.Or(s.RegisterTimeout, 5*time.Second)
	s.ShutdownTimeout = cmp.Or(s.ShutdownTimeout, 10*time.Second)
	s.SessionTimeout = cmp.Or(s.SessionTimeout, sessionTimeout())
}

// sessionTimeout is how long a broker may be silent before it is fenced. Brokers and their controller must agree on it,
// so it is no setting: a broker's lease ends before others take over because it counts on that.
func sessionTimeout() time.Duration {
	return time.Duration(configdef.Decided("broker.session.timeout.ms")) * time.Millisecond
}

// Membership is the service by which a broker stays in its cluster: it tells the metadata's leader that it is alive, and
// hands over what it leads before it stops.
type Membership struct {
	store    ports.MetadataStore
	to       Receivers
	settings MembershipSettings
	clock    ports.Clock
	log      *slog.Logger

	until   atomic.Pointer[time.Time]
	serving chan struct{} // closed when the broker is in service for the first time
	once    sync.Once
	fenced  bool // by the last heartbeat; Run's
}

// heartbeats is what Membership needs of Controller.
type heartbeats interface {
	Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
}

// Receivers take a broker's heartbeats: Local, this node's controller, while this node leads the metadata, and another
// broker otherwise.
type Receivers struct {
	Local heartbeats
	Peers ports.Heartbeats
}

// NewMembership returns the membership of this broker, which is registered under the epoch in settings.
func NewMembership(
	store ports.MetadataStore, to Receivers, settings MembershipSettings, clock ports.Clock, log *slog.Logger,
) *Membership {
	settings.ensureDefaults()
	return &Membership{
		store: store, to: to, settings: settings, clock: clock, log: log, serving: make(chan struct{}), fenced: true,
	}
}

// Serving is closed when the broker is in service for the first time.
func (m *Membership) Serving() <-chan struct{} { return m.serving }

// SessionUntil returns until when the metadata's leader will not fence this broker for its silence: a session
// from when the last heartbeat that was answered had been sent. It is the zero time before that. A broken
// connection may end it earlier.
func (m *Membership) SessionUntil() time.Time {
	if until := m.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// Register registers a broker, fenced, and tries until ctx ends while there is no leader of the metadata. It returns
// the registration's epoch. Doing it again changes nothing.
func Register(ctx context.Context, store ports.MetadataStore, member MembershipSettings, log *slog.Logger) (int64, error) {
	member.ensureDefaults()
	cmd := metadata.RegisterBroker{
		ID: member.NodeID, Incarnation: member.Incarnation, Rack: member.Rack, Endpoints: member.Endpoints, Fenced: true,
		Features: metadata.SupportedFeatures(),
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, member.RegisterTimeout)
		res, err := store.Apply(attempt, cmd)
		cancel()
		switch {
		case err == nil:
			log.InfoContext(ctx, "broker registered", "broker", cmd.ID, "broker_epoch", res.BrokerEpoch)
			return res.BrokerEpoch, nil
		case ctx.Err() != nil || !mayPass(err):
			return -1, fmt.Errorf("register broker %d: %w", cmd.ID, err)
		}
		log.DebugContext(ctx, "broker not registered yet", "err", err)
		pause.For(ctx, member.RetryInterval)
	}
}

// mayPass reports whether what has failed may succeed when it is tried again.
func mayPass(err error) bool {
	return fault.NoController(err) || errors.Is(err, fault.BrokerNotAvailable) || errors.Is(err, context.DeadlineExceeded)
}

// Run keeps this broker in the cluster until ctx ends; then it has others take over what it leads, for at most
// ShutdownTimeout. It returns fault.StaleBrokerEpoch when another broker has taken this one's id or it was unregistered:
// it must not serve any more.
func (m *Membership) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := m.settings.HeartbeatInterval
		if _, err := m.beat(ctx, false); err != nil && ctx.Err() == nil {
			if err := m.replaced(ctx, err); err != nil {
				return err
			}
			m.log.DebugContext(ctx, "heartbeat failed", "err", err)
			wait = m.settings.RetryInterval
		}
		pause.For(ctx, wait)
	}
	m.leave(context.WithoutCancel(ctx))
	return nil
}

// beat sends one heartbeat to who leads the metadata.
func (m *Membership) beat(ctx context.Context, shutDown bool) (ports.BrokerHeartbeatReply, error) {
	ctx, cancel := context.WithTimeout(ctx, m.settings.HeartbeatTimeout)
	defer cancel()
	sent, counted := m.clock(), time.Duration(0)
	if m.settings.Lease != nil {
		counted = m.settings.Lease.Now()
	}
	req := ports.BrokerHeartbeat{
		BrokerID: m.settings.NodeID, BrokerEpoch: m.settings.Epoch, MetadataIndex: int64(m.store.Image().Index()), WantShutDown: shutDown,
	}
	var (
		reply ports.BrokerHeartbeatReply
		err   error
	)
	switch leader := m.store.Leadership(); {
	case leader.Local:
		reply, err = m.to.Local.Heartbeat(ctx, req)
	case leader.NodeID < 0:
		return reply, fault.New(fault.NotController, "nobody is known to lead the metadata")
	default:
		reply, err = m.to.Peers.Heartbeat(ctx, leader.NodeID, req)
	}
	if err != nil {
		return reply, err
	}
	until := sent.Add(m.settings.SessionTimeout)
	m.until.Store(&until)
	// A fenced broker may not know yet who leads in its place. It is told that it is in service when it does.
	if m.settings.Lease != nil && !reply.Fenced {
		m.settings.Lease.Renew(counted, m.settings.SessionTimeout)
	}
	if reply.Fenced != m.fenced {
		m.fenced = reply.Fenced
		m.log.InfoContext(ctx, "broker is in or out of service", "broker", req.BrokerID, "broker_epoch", req.BrokerEpoch,
			"fenced", reply.Fenced)
	}
	if !reply.Fenced {
		m.once.Do(func() { close(m.serving) })
	}
	return reply, nil
}

// Ready returns why this broker should not be counted on, nil for no reason: it is in service, and in sync with the
// leaders that it follows.
func (m *Membership) Ready() error {
	select {
	case <-m.serving:
	default:
		return errors.New("the broker is not in service in its cluster yet")
	}
	img := m.store.Image()
	b, registered := img.Broker(m.settings.NodeID)
	switch {
	case m.SessionUntil().Before(m.clock()):
		return errors.New(
			"the broker's heartbeats are not answered: it is cut off from the cluster, or there is no leader of the metadata",
		)
	case !registered || b.Fenced:
		return errors.New("the broker is fenced")
	case b.ShuttingDown:
		return errors.New("the broker hands over what it leads")
	}
	if behind := img.Behind(m.settings.NodeID); behind > 0 {
		return fmt.Errorf("%d replicas have not caught up with their leaders", behind)
	}
	return nil
}

// replaced returns err if it says that this broker's registration is not the present one, and metadata says so too.
func (m *Membership) replaced(ctx context.Context, err error) error {
	if !errors.Is(err, fault.StaleBrokerEpoch) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.settings.RegisterTimeout)
	defer cancel()
	if m.store.Barrier(ctx) != nil {
		return nil // not known
	}
	switch b, ok := m.store.Image().Broker(m.settings.NodeID); {
	case !ok:
		return fmt.Errorf("broker %d was removed from its cluster, it was unregistered: %w", m.settings.NodeID, err)
	case b.Incarnation != m.settings.Incarnation:
		return fmt.Errorf("another process has started as broker %d: %w", m.settings.NodeID, err)
	}
	return nil
}

// leave has other brokers take over what this one leads. When no heartbeat is answered for two sessions, this broker
// has been fenced, or there is nobody to take over, as when all nodes are stopped together.
func (m *Membership) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, m.settings.ShutdownTimeout)
	defer cancel()
	for ctx.Err() == nil {
		reply, err := m.beat(ctx, true)
		switch {
		case err == nil && reply.ShouldShutDown:
			m.log.InfoContext(ctx, "broker has handed over", "broker", m.settings.NodeID)
			return
		case errors.Is(err, fault.StaleBrokerEpoch):
			return // nobody counts on this incarnation
		case err != nil && m.clock().After(m.SessionUntil().Add(m.settings.SessionTimeout)):
			m.log.WarnContext(ctx, "broker stops without having handed over: its heartbeats are not answered",
				"broker", m.settings.NodeID)
			return
		}
		pause.For(ctx, m.settings.RetryInterval)
	}
	m.log.WarnContext(ctx, "broker stops without having handed over", "broker", m.settings.NodeID,
		"waited", m.settings.ShutdownTimeout)
}
