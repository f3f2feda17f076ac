package brokerconfigs

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// LogLevels is the level from which on the broker logs. *slog.LevelVar is one.
type LogLevels interface {
	Level() slog.Level
	Set(level slog.Level)
}

// rootLogger is the one logger that this broker has; Kafka calls its own first logger so, too.
const rootLogger = "root"

// logLevels are the levels of Kafka's loggers as levels of slog, from the least on. slog has no TRACE and no FATAL; they
// are one step beyond.
var logLevels = []struct {
	name  string
	level slog.Level
}{
	{"TRACE", slog.LevelDebug - 4},
	{"DEBUG", slog.LevelDebug},
	{"INFO", slog.LevelInfo},
	{"WARN", slog.LevelWarn},
	{"ERROR", slog.LevelError},
	{"FATAL", slog.LevelError + 4},
}

// describeLoggers returns the loggers with their levels.
func (c *Configs) describeLoggers() []ConfigEntry {
	name := logLevels[0].name
	for _, l := range logLevels {
		if c.levels.Level() >= l.level {
			name = l.name
		}
	}
	return []ConfigEntry{{Name: rootLogger, Value: &name, Source: SourceBrokerLogger}}
}

// alterLoggers sets levels until the broker stops (KIP-412), with Kafka's messages.
func (c *Configs) alterLoggers(ops []ConfigOp, validateOnly bool) error {
	for _, op := range ops {
		switch {
		case op.Op == OpAppend || op.Op == OpSubtract:
			return fault.New(fault.InvalidRequest, "%s operation is not allowed for the BROKER_LOGGER resource", opNames[op.Op])
		case op.Op != OpSet && op.Op != OpDelete:
			return unknownOp(op.Op)
		case op.Name != rootLogger:
			return fault.New(fault.InvalidConfig, "Logger %s does not exist!", op.Name)
		case op.Op == OpDelete:
			return fault.New(fault.InvalidRequest, "Removing the log level of the root logger is not allowed")
		}
		at := slices.IndexFunc(logLevels, func(l struct {
			name  string
			level slog.Level
		},
		) bool {
			return l.name == *op.Value
		})
		if at < 0 {
			return fault.New(fault.InvalidConfig, "Cannot set the log level of %s to %s as it is not a supported log level. "+
				"Valid log levels are %s", op.Name, *op.Value, logLevelNames())
		}
		if !validateOnly {
			c.levels.Set(logLevels[at].level)
		}
	}
	return nil
}

func logLevelNames() string {
	var names []string
	for _, l := range logLevels {
		names = append(names, l.name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
