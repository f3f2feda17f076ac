package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

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
	Endpoints   []metadata.Endpoint // where clients and other brokers reach it
	Lease       Lease               // renewed with the session; nil for none

	HeartbeatInterval time.Duration // default 200 ms
	HeartbeatTimeout  time.Duration // of one heartbeat; default 500 ms
	RetryInterval     time.Duration // after a heartbeat that failed, and while shutting down; default 50 ms
	RegisterTimeout   time.Duration // of one attempt to register; default 5 s
	ShutdownTimeout   time.Duration // how long a stop waits until others have taken over; default 10 s
	SessionTimeout    time.Duration // as the controller has it; default 2 s
}

// Lease says until when this broker may lead partitions without having heard from the metadata's leader.
type Lease interface {
	// Now is the time in which the lease counts.
	Now() time.Duration
	// Renew extends the lease after a heartbeat that was sent at the time given was answered.
	Renew(sent, session time.Duration)
}

func (s *MembershipSettings) ensureDefaults() {
	for of, value := range map[*time.Duration]time.Duration{
		&s.HeartbeatInterval: 200 * time.Millisecond,
		&s.HeartbeatTimeout:  500 * time.Millisecond,
		&s.RetryInterval:     50 * time.Millisecond,
		&s.RegisterTimeout:   5 * time.Second,
		&s.ShutdownTimeout:   10 * time.Second,
		&s.SessionTimeout:    2 * time.Second,
	} {
		if *of <= 0 {
			*of = value
		}
	}
}

// Membership is the service by which a broker is in its cluster: it registers the broker, tells the metadata's leader
// that it is alive, and hands over what it leads before it stops.
type Membership struct {
	store    ports.MetadataStore
	local    heartbeats
	peers    ports.Heartbeats
	settings MembershipSettings
	clock    ports.Clock
	log      *slog.Logger

	epoch   atomic.Int64 // of the registration, -1 before it
	until   atomic.Pointer[time.Time]
	serving chan struct{} // closed when the broker is in service for the first time
	once    sync.Once
	fenced  bool // by the last heartbeat; Run's
}

// heartbeats is what Membership needs of Controller.
type heartbeats interface {
	Heartbeat(ctx context.Context, req ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)
}

// NewMembership returns the membership of this broker. Heartbeats go to local, this node's controller, while this node
// leads the metadata, and to peers otherwise.
func NewMembership(
	store ports.MetadataStore, local heartbeats, peers ports.Heartbeats, settings MembershipSettings, clock ports.Clock,
	log *slog.Logger,
) *Membership {
	settings.ensureDefaults()
	m := &Membership{
		store: store, local: local, peers: peers, settings: settings, clock: clock, log: log,
		serving: make(chan struct{}), fenced: true,
	}
	m.epoch.Store(-1)
	return m
}

// BrokerEpoch returns the epoch of this broker's registration, -1 before it is registered.
func (m *Membership) BrokerEpoch() int64 { return m.epoch.Load() }

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

// Register registers this broker, fenced, and tries until ctx ends while there is no leader of the metadata.
// Doing it again changes nothing.
func (m *Membership) Register(ctx context.Context) error {
	cmd := metadata.RegisterBroker{
		ID: m.settings.NodeID, Incarnation: m.settings.Incarnation, Rack: m.settings.Rack, Endpoints: m.settings.Endpoints, Fenced: true,
		Features: metadata.SupportedFeatures(),
	}
	for {
		attempt, cancel := context.WithTimeout(ctx, m.settings.RegisterTimeout)
		res, err := m.store.Apply(attempt, cmd)
		cancel()
		switch {
		case err == nil:
			m.epoch.Store(res.BrokerEpoch)
			m.log.InfoContext(ctx, "broker registered", "broker", cmd.ID, "broker_epoch", res.BrokerEpoch)
			return nil
		case ctx.Err() != nil || !mayPass(err):
			return fmt.Errorf("register broker %d: %w", cmd.ID, err)
		}
		m.log.DebugContext(ctx, "broker not registered yet", "err", err)
		pause.For(ctx, m.settings.RetryInterval)
	}
}

// mayPass reports whether what has failed may succeed when it is tried again.
func mayPass(err error) bool {
	return fault.NoController(err) || errors.Is(err, fault.BrokerNotAvailable) || errors.Is(err, context.DeadlineExceeded)
}

// Run registers this broker, unless Register has done so, and keeps it in the cluster until ctx ends; then it has
// others take over what it leads, for at most ShutdownTimeout. It returns fault.StaleBrokerEpoch when another broker
// has taken this one's id or it was unregistered: it must not serve any more.
func (m *Membership) Run(ctx context.Context) error {
	if m.BrokerEpoch() < 0 {
		if err := m.Register(ctx); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the broker stops before it was registered
			}
			return err
		}
	}
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
		BrokerID: m.settings.NodeID, BrokerEpoch: m.BrokerEpoch(), MetadataIndex: int64(m.store.Image().Index()), WantShutDown: shutDown,
	}
	var (
		reply ports.BrokerHeartbeatReply
		err   error
	)
	switch leader := m.store.Leadership(); {
	case leader.Local:
		reply, err = m.local.Heartbeat(ctx, req)
	case leader.NodeID < 0:
		return reply, fault.New(fault.NotController, "nobody is known to lead the metadata")
	default:
		reply, err = m.peers.Heartbeat(ctx, leader.NodeID, req)
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
