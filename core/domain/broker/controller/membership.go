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

// MembershipSettings identify this broker and define its heartbeats. Zero durations stand for the defaults.
type MembershipSettings struct {
	NodeID      int32
	Incarnation [16]byte // random for each start
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

// Lease is the time for which this broker may lead partitions without another answer from the metadata's leader.
type Lease interface {
	// Now is the current time of the lease.
	Now() time.Duration
	// Renew extends the lease when a heartbeat that was sent at the given time was answered.
	Renew(sent, session time.Duration)
}

func (s *MembershipSettings) ensureDefaults() {
	s.HeartbeatInterval = cmp.Or(s.HeartbeatInterval, millis(configdef.Decided("broker.heartbeat.interval.ms")))
	s.HeartbeatTimeout = cmp.Or(s.HeartbeatTimeout, millis(configdef.Decided("controller.socket.timeout.ms")))
	s.RetryInterval = cmp.Or(s.RetryInterval, 50*time.Millisecond)
	s.RegisterTimeout = cmp.Or(s.RegisterTimeout, 5*time.Second)
	s.ShutdownTimeout = cmp.Or(s.ShutdownTimeout, 10*time.Second)
	s.SessionTimeout = cmp.Or(s.SessionTimeout, sessionTimeout())
}

// sessionTimeout is how long a broker may be silent before it is fenced. It is no setting, because brokers and their
// controller must agree on it: otherwise a broker's lease might not end before other brokers take over.
func sessionTimeout() time.Duration { return millis(configdef.Decided("broker.session.timeout.ms")) }

// millis returns n milliseconds.
func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// Membership is the service with which a broker stays in its cluster: it sends heartbeats to the metadata's leader, and
// hands its partitions over before it stops.
type Membership struct {
	store    ports.MetadataStore
	to       Receivers
	settings MembershipSettings
	clock    ports.Clock
	log      *slog.Logger

	until   atomic.Pointer[time.Time]
	serving chan struct{} // closed when the broker is in service for the first time
	once    sync.Once
	// used by Run only
	fenced bool // as of the last heartbeat
	cutOff bool // the session has ended, and that was logged
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

// SessionUntil returns the time before which the metadata's leader does not fence this broker for missing heartbeats:
// one session after the last answered heartbeat was sent. It is the zero time before the first one. The session may end
// earlier after a broken connection.
func (m *Membership) SessionUntil() time.Time {
	if until := m.until.Load(); until != nil {
		return *until
	}
	return time.Time{}
}

// Register registers a broker, fenced, and returns the registration's epoch. While there is no leader of the metadata,
// it tries again until ctx ends. A second call changes nothing.
func Register(
	ctx context.Context, store ports.MetadataStore, member MembershipSettings, log *slog.Logger,
) (int64, error) {
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

// mayPass reports whether a registration that has failed with err may succeed when it is tried again.
func mayPass(err error) bool {
	return fault.NoController(err) || errors.Is(err, fault.BrokerNotAvailable) || errors.Is(err, context.DeadlineExceeded)
}

// Run sends heartbeats until ctx ends. Then it begins a controlled shutdown, in which other brokers take over what this
// one leads, for at most ShutdownTimeout. It returns fault.StaleBrokerEpoch when another process has registered under
// this broker's id, or the broker was unregistered: it must not serve any more.
func (m *Membership) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := m.settings.HeartbeatInterval
		if _, err := m.beat(ctx, false); err != nil && ctx.Err() == nil {
			if err := m.replaced(ctx, err); err != nil {
				return err
			}
			m.log.DebugContext(ctx, "heartbeat failed", "err", err)
			m.noteSilence(ctx, err)
			wait = m.settings.RetryInterval
		}
		pause.For(ctx, wait)
	}
	m.leave(context.WithoutCancel(ctx))
	return nil
}

// beat sends one heartbeat to the metadata's leader.
func (m *Membership) beat(ctx context.Context, shutDown bool) (ports.BrokerHeartbeatReply, error) {
	ctx, cancel := context.WithTimeout(ctx, m.settings.HeartbeatTimeout)
	defer cancel()
	sent, counted := m.clock(), time.Duration(0)
	if m.settings.Lease != nil {
		counted = m.settings.Lease.Now()
	}
	req := ports.BrokerHeartbeat{
		BrokerID: m.settings.NodeID, BrokerEpoch: m.settings.Epoch,
		MetadataIndex: int64(m.store.Image().Index()), WantShutDown: shutDown,
	}
	var (
		reply ports.BrokerHeartbeatReply
		err   error
	)
	switch leader := m.store.Leadership(); {
	case leader.Local:
		reply, err = m.to.Local.Heartbeat(ctx, req)
	case leader.NodeID < 0:
		return reply, fault.New(fault.NotController, "no leader of the metadata is known")
	default:
		reply, err = m.to.Peers.Heartbeat(ctx, leader.NodeID, req)
	}
	if err != nil {
		return reply, err
	}
	until := sent.Add(m.settings.SessionTimeout)
	m.until.Store(&until)
	// A fenced broker may not know yet which partitions have other leaders. It is unfenced when it does.
	if m.settings.Lease != nil && !reply.Fenced {
		m.settings.Lease.Renew(counted, m.settings.SessionTimeout)
	}
	m.note(ctx, reply.Fenced)
	return reply, nil
}

const cutOff = "the broker's heartbeats are not answered: " +
	"it is cut off from the cluster, or there is no leader of the metadata"

// errCutOff is the reason why a broker without a session is not ready.
var errCutOff = errors.New(cutOff)

// InSession reports whether this broker's session with the metadata's leader is live, as far as this broker knows.
func (m *Membership) InSession() bool { return !m.SessionUntil().Before(m.clock()) }

// noteSilence logs once that this broker's session has ended. err is why its last heartbeat has failed.
func (m *Membership) noteSilence(ctx context.Context, err error) {
	if m.cutOff || m.SessionUntil().IsZero() || m.InSession() {
		return // a start without a majority is logged by the stages of the start
	}
	m.cutOff = true
	m.log.WarnContext(ctx, cutOff, "broker", m.settings.NodeID, "broker_epoch", m.settings.Epoch,
		"session_ended", m.SessionUntil(), "err", err)
}

// note logs that heartbeats are answered again, and a change of whether this broker is fenced, and closes serving when
// it is in service for the first time.
func (m *Membership) note(ctx context.Context, fenced bool) {
	if m.cutOff {
		m.cutOff = false
		m.log.InfoContext(ctx, "the broker's heartbeats are answered again", "broker", m.settings.NodeID,
			"broker_epoch", m.settings.Epoch)
	}
	if fenced != m.fenced {
		m.fenced = fenced
		log := m.log.With("broker", m.settings.NodeID, "broker_epoch", m.settings.Epoch, "fenced", fenced)
		if fenced {
			log.InfoContext(ctx, "broker fenced")
		} else {
			log.InfoContext(ctx, "broker in service")
		}
	}
	if !fenced {
		m.once.Do(func() { close(m.serving) })
	}
}

// Ready returns nil when this broker is in service and all its replicas are in sync, and otherwise the reason why a
// rolling restart should wait for it.
func (m *Membership) Ready() error {
	select {
	case <-m.serving:
	default:
		return errors.New("the broker is not in service in its cluster yet")
	}
	img := m.store.Image()
	b, registered := img.Broker(m.settings.NodeID)
	switch {
	case !m.InSession():
		return errCutOff
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

// replaced returns an error if err says that this broker's registration is not the current one, and the metadata
// confirms that.
func (m *Membership) replaced(ctx context.Context, err error) error {
	if !errors.Is(err, fault.StaleBrokerEpoch) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.settings.RegisterTimeout)
	defer cancel()
	if m.store.Barrier(ctx) != nil {
		return nil // unknown
	}
	switch b, ok := m.store.Image().Broker(m.settings.NodeID); {
	case !ok:
		return fmt.Errorf("broker %d was removed from its cluster, it was unregistered: %w", m.settings.NodeID, err)
	case b.Incarnation != m.settings.Incarnation:
		return fmt.Errorf("another process has started as broker %d: %w", m.settings.NodeID, err)
	}
	return nil
}

// leave waits until other brokers have taken over what this one leads. It gives up when no heartbeat is answered for
// two sessions: then this broker was fenced, or there is no other broker, as when all nodes are stopped together.
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
			return // this registration is not the current one
		case err != nil && m.clock().After(m.SessionUntil().Add(m.settings.SessionTimeout)):
			m.log.WarnContext(ctx, "broker stops without handing over: its heartbeats are not answered",
				"broker", m.settings.NodeID)
			return
		}
		pause.For(ctx, m.settings.RetryInterval)
	}
	m.log.WarnContext(ctx, "broker stops without handing over", "broker", m.settings.NodeID,
		"waited", m.settings.ShutdownTimeout)
}
