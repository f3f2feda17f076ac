// Package wiring assembles brokers. It is the only package that knows both the services in core/domain/broker and the
// adapters; everything else depends on ports.
//
// There are four kinds of broker, each with an injector of its own: standalone, standalone with metadata in one JSON
// file (legacy), in memory (for embedding), and with the build tag raft a node of a cluster. Wire generates the
// injectors from the provider sets in providers*.go and node.go (make generate). Embed and Start choose an injector,
// start the broker's stages in order and stop them in reverse; the cleanups of the injector then close the parts. A
// Progress says at any time what a start or a stop is waiting for.
//
// The package contains construction, the order of start and stop, and reloading. Rules belong to the domain.
package wiring

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/adapters/httpapi"
	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/adapters/telemetry"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/broker/groups"
	"github.com/chronik-stream/chronik/core/domain/broker/lifecycle"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/ports"
)

// BeyondGrace is how long a stop may take beside shutdown_grace_ms: what all that has a limit of its own may take, and
// a second for the disk.
const BeyondGrace = kafkaproto.CloseTime + httpapi.CloseTime + lastSending + time.Second

// Server is a running broker.
type Server struct {
	*parts
	log     *slog.Logger
	steps   *Progress
	cleanup func() // closes the parts after everything has stopped
	cancel  context.CancelFunc

	stopping <-chan struct{} // closed when the broker was asked to stop, or has stopped
	done     chan struct{}   // closed when everything has stopped
	err      error           // why, valid after done

	reloading sync.Mutex
	config    *configs.Config
}

// parts are the parts of a running broker.
type parts struct {
	Kafka      *kafkaproto.Server
	HTTP       *httpapi.Server // nil when nothing is served by HTTP
	Partitions *replicas.Partitions
	Groups     *groups.Coordinator
	Fetch      *replicas.Fetch
	Topics     *topics.Topics
	Configs    *brokerconfigs.Configs
	Store      ports.MetadataStore
	Dir        dataDir
	Space      *replicas.Space
	Cleaner    *replicas.Cleaner
	Levels     *slog.LevelVar
	Ready      *lifecycle.Readiness
	Telemetry  *telemetry.Telemetry
	Node       nodeID
	Role       role
}

// Logging is a broker's logger and its lowest level, which may be changed while the broker runs.
type Logging struct {
	Logger *slog.Logger
	Levels *slog.LevelVar
}

// NewLogging returns the logger that cfg describes, which writes to output.
func NewLogging(cfg *configs.Config, output io.Writer) Logging {
	levels := new(slog.LevelVar)
	levels.Set(cfg.LogLevel)
	return Logging{telemetry.NewLogger(output, cfg.LogFormat, levels), levels}
}

// Start starts a broker and returns when it serves; a node of a cluster waits for a majority of the nodes. It runs
// until ctx ends or Close is called, and reports to steps what it is doing. Several brokers may run in one process.
func Start(ctx context.Context, cfg *configs.Config, logging Logging, steps *Progress) (*Server, error) {
	build, err := injectorFor(cfg)
	if err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	s := &Server{log: logging.Logger, steps: steps, config: cfg}
	if err := s.start(ctx, build, logging, Seams{Clock: time.Now}, nil); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	s.goOn(ctx)
	return s, nil
}

// start builds the broker and opens its listeners.
func (s *Server) start(ctx context.Context, build injector, logging Logging, seams Seams, wanted []Topic) (err error) {
	s.steps.logTo(s.log)
	if s.parts, s.cleanup, err = build(ctx, s.config, logging, seams, s.steps); err != nil {
		return err
	}
	if err := s.open(ctx, wanted); err != nil {
		s.cleanup()
		return err
	}
	s.announce(s.config)
	s.steps.begin("")
	return nil
}

// open registers the metrics, creates the wanted topics and binds the listeners, which is the last step that can fail.
func (p *parts) open(ctx context.Context, wanted []Topic) error {
	if err := p.measure(); err != nil {
		return err
	}
	if err := p.makeTopics(ctx, wanted); err != nil {
		return err
	}
	return p.Kafka.Listen(ctx)
}

// goOn starts the goroutine that runs the broker until ctx ends.
func (s *Server) goOn(ctx context.Context) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.stopping, s.done = ctx.Done(), make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = s.run(ctx)
		s.cancel()
		s.cleanup()
		s.err = errors.Join(s.err, s.steps.unfinished())
		s.log.Info("stopped")
	}()
}

// run runs the broker's stages until ctx ends.
func (s *Server) run(ctx context.Context) error {
	stages := slices.Concat(
		[]stage{{"disk space", s.Space.Run}, {"partitions", s.Partitions.Run}},
		s.Role.early,
		[]stage{{"cleaner", s.Cleaner.Run}, {"groups", s.Groups.Run}, {"kafka", s.Kafka.Run}},
		s.Role.late,
		[]stage{{"readiness", s.Ready.Run}},
	)
	if s.HTTP != nil { // stops after the others, so that it can report that the broker is stopping
		stages = append([]stage{{"http", s.HTTP.Run}}, stages...)
	}
	return runStages(ctx, s.steps, stages...)
}

func (s *Server) announce(cfg *configs.Config) {
	for i, addr := range s.Kafka.Addrs() {
		s.log.Info("listening", "listener", cfg.Listen[i].Name, "address", addr.String())
	}
	if s.HTTP != nil {
		s.log.Info("serving http", "url", "http://"+s.HTTP.Addr().String())
	}
	image := s.Store.Image()
	topics, partitions := image.ListedCounts()
	s.log.Info("started", "version", Version(), "cluster_id", image.ClusterID(), "node_id", int32(s.Node),
		"data_dir", s.Dir.path, "topics", topics, "partitions", partitions)
}

// Addr returns the address of the first listener.
func (s *Server) Addr() net.Addr { return s.Kafka.Addrs()[0] }

// Addrs returns the addresses of all listeners, in the order of the configuration.
func (s *Server) Addrs() []net.Addr { return s.Kafka.Addrs() }

// HTTPAddr returns the address of metrics and health, nil when there is none.
func (s *Server) HTTPAddr() net.Addr {
	if s.HTTP == nil {
		return nil
	}
	return s.HTTP.Addr()
}

// Done is closed when the broker has stopped.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err waits until the broker has stopped and returns the reason. It is nil if the broker was asked to stop and has
// stopped completely, and ErrUnfinished if a part of the stop has failed.
func (s *Server) Err() error {
	<-s.done
	return s.err
}

// Close stops the broker: it accepts no new requests, lets those in progress finish, makes everything durable, and
// returns. The error is ErrUnfinished when that has failed, for instance because of the disk.
func (s *Server) Close() error {
	s.log.Info("stopping")
	s.cancel()
	return s.Err()
}
