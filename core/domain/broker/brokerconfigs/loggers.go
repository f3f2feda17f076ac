package brokerconfigs

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// LogLevels is the lowest level that the broker logs. *slog.LevelVar implements it.
type LogLevels interface {
	Level() slog.Level
	Set(level slog.Level)
}

// rootLogger is the only logger of this broker. Kafka has a logger of that name, too.
const rootLogger = "root"

// logLevels maps the levels of Kafka's loggers to levels of slog, in ascending order. slog has no TRACE and no FATAL;
// they are one step below DEBUG and above ERROR.
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
