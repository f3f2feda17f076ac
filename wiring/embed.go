package wiring

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/topics"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Request is a request that has arrived and has not been served yet.
type Request = kafkaproto.Request

// ErrLoseAnswer is an interceptor's error for a request that is served and whose response is not sent.
var ErrLoseAnswer = kafkaproto.ErrLoseAnswer

// Seams are the points at which the embedding process can change a broker's behaviour.
type Seams struct {
	Clock       ports.Clock            // the broker's clock
	Interceptor kafkaproto.Interceptor // sees requests before they are served; nil for none
}

// EmbedOptions has the fields of chronik.Options, which documents them: the two types convert to each other.
type EmbedOptions struct {
	Dir        string
	Listen     []string
	Advertised []string
	Configs    map[string]string
	Topics     []Topic
	Memory     int64
	Logger     *slog.Logger
}

// Embedding describes a broker that runs in another program's process.
type Embedding struct {
	EmbedOptions               // the Logger is required
	Grace        time.Duration // see the setting shutdown_grace_ms; 0 for its default
	Seams        Seams         // without a clock, the machine's
	NoReserve    bool          // the disk of Dir counts as endless, and no reserve is allocated on it
}

// Topic is a topic to be created.
type Topic struct {
	Name       string
	Partitions int               // 0 for the broker's num.partitions
	Configs    map[string]string // the topic's configs by Kafka's names, such as "cleanup.policy": "compact"
}

// Embed starts a broker in this process and returns when it serves. ctx is for the start alone: the broker runs until
// it is closed. Many brokers may run in one process.
func Embed(ctx context.Context, e Embedding) (*Server, error) {
	cfg, err := e.config()
	if err != nil {
		return nil, err
	}
	if err := checkTopics(e.Topics); err != nil {
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

// loopback is the default listener: a free port of the loopback interface.
const loopback = "127.0.0.1:0"

// ownOptions are Kafka's names for which an Embedding has fields of its own.
var ownOptions = map[string]string{ //nolint:gochecknoglobals // a table
	"log.dir": "Dir", "log.dirs": "Dir", "listeners": "Listen", "advertised.listeners": "Advertised",
}

// config returns the configuration. Its errors name the wrong option.
func (e *Embedding) config() (*configs.Config, error) {
	var given []configs.Assignment
	set := func(key, value, option string) {
		given = append(given, configs.Assignment{Key: key, Value: value, Flag: "Options." + option})
	}
	set("http.listen", "", "")
	if e.Dir != "" {
		set("data_dir", e.Dir, "Dir")
	} else { // nothing to sync, and no reason to delay the deletion of segments
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
		if e.Memory < configs.LeastMemory || e.Memory > configs.MostMemory {
			return nil, fmt.Errorf("memory = %d bytes (Options.Memory): want %d to %d bytes, or 0 for %d",
				e.Memory, configs.LeastMemory, configs.MostMemory, configs.DefaultMemory)
		}
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

// checkTopics refuses what would be misunderstood when the topics are created.
func checkTopics(wanted []Topic) error {
	names := make(map[string]bool, len(wanted))
	for _, t := range wanted {
		var err error
		switch {
		case t.Partitions < 0 || t.Partitions > math.MaxInt32:
			err = fmt.Errorf("%d partitions: want 1 to %d, or 0 for the broker's num.partitions", t.Partitions, math.MaxInt32)
		case names[t.Name]:
			err = errors.New("it is there twice")
		case metadata.IsInternal(t.Name):
			err = errors.New("the broker creates its internal topics itself")
		}
		if err != nil {
			return fmt.Errorf("topic %q (Options.Topics): %w", t.Name, err)
		}
		names[t.Name] = true
	}
	return nil
}

// makeTopics creates the topics that are missing.
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

// CatchUp does at once everything that is due after the broker's clock was moved: time-outs of group members,
// retention, compaction, and the expiry of offsets and producers. It returns when all of it is durable. It does nothing
// in a broker that is stopping.
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

// loggingTo returns the logging of a broker that logs to the embedding program's logger. That logger's own level still
// applies: the broker's level can only reduce the output.
func loggingTo(log *slog.Logger) Logging {
	levels := new(slog.LevelVar)
	levels.Set(slog.LevelDebug)
	return Logging{slog.New(leveled{log.Handler(), levels}), levels}
}

// leveled is a handler that drops records below a level.
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
