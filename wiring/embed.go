package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// Request is a request that has arrived and is not served yet.
type Request = kafkaproto.Request

// ErrLoseAnswer is what an interceptor returns for a request whose answer is to be lost.
var ErrLoseAnswer = kafkaproto.ErrLoseAnswer

// Seams are where the process that a broker runs in may reach into it.
type Seams struct {
	Clock       ports.Clock            // what the broker takes for the time
	Interceptor kafkaproto.Interceptor // nil for none
}

// EmbedOptions are chronik.Options, whose comments tell what they mean: the types have the same fields, so that the one
// converts to the other.
type EmbedOptions struct {
	Dir        string
	Listen     []string
	Advertised []string
	Configs    map[string]string
	Topics     []Topic
	Memory     int64
	Logger     *slog.Logger
}

// Embedding says how a broker runs in somebody's process.
type Embedding struct {
	EmbedOptions               // with a logger
	Grace        time.Duration // see the setting shutdown_grace_ms; 0 for its default
	Seams        Seams         // without a clock, the machine's
	NoReserve    bool          // the disk of Dir is taken for endless, and nothing of it is held
}

// Topic is a topic that a broker is to begin with.
type Topic struct {
	Name       string
	Partitions int               // 0 is for the broker's num.partitions
	Configs    map[string]string // the topic's configs by Kafka's names, such as "cleanup.policy": "compact"
}

// Embed starts a broker in this process and returns when it serves. ctx is for the start alone: the broker runs until
// it is closed. Many may run in one process.
func Embed(ctx context.Context, e Embedding) (*Server, error) {
	cfg, err := e.config()
	if err != nil {
		return nil, err
	}
	if e.NoReserve {
		cfg.Disk.Reserve = 0
	}
	build, err := injectorFor(cfg)
	if err != nil {
		return nil, err
	}
	if e.Dir == "" {
		build = buildInMemory
	}
	if e.Seams.Clock == nil {
		e.Seams.Clock = time.Now
	}
	s := &Server{log: e.Logger, steps: new(Progress), config: cfg}
	if err := s.start(ctx, build, loggingTo(e.Logger), e.Seams, e.Topics); err != nil {
		return nil, err
	}
	s.goOn(context.WithoutCancel(ctx))
	return s, nil
}

// loopback is where a broker listens of which nothing is said: at a free port, for this machine alone.
const loopback = "127.0.0.1:0"

// ownOptions are Kafka's names of what an Embedding says otherwise.
var ownOptions = map[string]string{ //nolint:gochecknoglobals // a table
	"log.dir": "Dir", "log.dirs": "Dir", "listeners": "Listen", "advertised.listeners": "Advertised",
}

// config returns the configuration. Its errors name what of the options is wrong.
func (e *Embedding) config() (*configs.Config, error) {
	var given []configs.Assignment
	set := func(key, value, option string) {
		given = append(given, configs.Assignment{Key: key, Value: value, Flag: "Options." + option})
	}
	set("http.listen", "", "")
	if e.Dir != "" {
		set("data_dir", e.Dir, "Dir")
	} else { // there is nothing to be synced, and no reason to keep for a while what was deleted
		set("flush", "os", "Dir")
		set("kafka.log.segment.delete.delay.ms", "0", "Dir")
	}
	listen := e.Listen
	if len(listen) == 0 {
		listen = []string{loopback}
	}
	set("listen", strings.Join(listen, ","), "Listen")
	if len(e.Advertised) > 0 {
		set("advertised_addr", strings.Join(e.Advertised, ","), "Advertised")
	}
	if e.Memory != 0 {
		set("memory", strconv.FormatInt(e.Memory, 10), "Memory")
	}
	if e.Grace != 0 {
		set("shutdown_grace_ms", strconv.FormatInt(e.Grace.Milliseconds(), 10), "Grace")
	}
	for key, value := range e.Configs {
		if option, own := ownOptions[key]; own {
			return nil, fmt.Errorf("%s (Options.Configs): set Options.%s instead", key, option)
		}
		set("kafka."+key, value, "Configs")
	}
	return configs.Load(configs.Sources{Options: given})
}

// makeTopics makes the topics that are missing.
func (p *parts) makeTopics(ctx context.Context, wanted []Topic) error {
	for _, t := range wanted {
		n := topics.NewTopic{Name: t.Name, Partitions: -1, ReplicationFactor: -1, Configs: map[string]*string{}}
		if t.Partitions != 0 {
			n.Partitions = int32(t.Partitions)
		}
		for key, value := range t.Configs {
			n.Configs[key] = &value
		}
		if _, err := p.Topics.Create(ctx, n); err != nil && !errors.Is(err, fault.TopicExists) {
			return fmt.Errorf("create topic %q: %w", t.Name, err)
		}
	}
	return nil
}

// CatchUp does at once what is due by the broker's clock, after that was moved: time-outs of group members, retention,
// compaction, and the expiry of offsets and producers. It returns when all of it is durable. Nothing is due in a broker
// that is stopping.
func (s *Server) CatchUp(ctx context.Context) error {
	if s.isStopping() {
		return nil
	}
	s.Cleaner.CatchUp(ctx)
	if err := s.Groups.CatchUp(ctx); err != nil && !s.isStopping() {
		return err
	}
	return nil
}

func (s *Server) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// loggingTo returns the logging of a broker that logs to somebody else's logger, which decides what is written. Levels
// that are set while the broker runs can only have it written less.
func loggingTo(log *slog.Logger) Logging {
	levels := new(slog.LevelVar)
	levels.Set(slog.LevelDebug)
	return Logging{slog.New(leveled{log.Handler(), levels}), levels}
}

// leveled is a handler that leaves out what is below a level.
type leveled struct {
	slog.Handler
	least slog.Leveler
}

// Enabled implements slog.Handler.
func (h leveled) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.least.Level() && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{h.Handler.WithAttrs(attrs), h.least}
}

// WithGroup implements slog.Handler.
func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.least}
}
