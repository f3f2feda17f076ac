package brokerconfigs

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// unknownPerPeriod is how many lines about unknown configs may be written per limitedlog.Period: clients may invent any
// number of names.
const unknownPerPeriod = 5

// configNotice logs, once for each, configs that are set but have no effect in this broker.
type configNotice struct {
	log     *slog.Logger
	unknown *limitedlog.Log

	mu    sync.Mutex
	given map[string]bool // by name; known configs only
}

func newConfigNotice(log *slog.Logger) *configNotice {
	return &configNotice{log: log, unknown: limitedlog.New(log, unknownPerPeriod), given: make(map[string]bool)}
}

// give logs the configs of table that are set.
func (n *configNotice) give(ctx context.Context, table *configdef.Table, levels ...map[string]string) {
	var idle, decided, unknown []string
	n.mu.Lock()
	for _, set := range levels {
		for _, name := range slices.Sorted(maps.Keys(set)) {
			k, known := table.Key(name)
			switch {
			case !known:
				unknown = append(unknown, name)
			case k.Use == configdef.Shown && !n.given[name] && (k.Null || k.Canonical(set[name]) != k.Default):
				n.given[name] = true
				if k.Decided {
					decided = append(decided, name)
				} else {
					idle = append(idle, name)
				}
			}
		}
	}
	n.mu.Unlock()
	if len(idle) > 0 {
		n.log.WarnContext(ctx, "these configs are kept and shown, and have no effect here", "configs", idle)
	}
	if len(decided) > 0 {
		n.log.WarnContext(ctx, "these configs are kept and have no effect, the broker uses and shows values of its own",
			"configs", decided)
	}
	if len(unknown) > 0 {
		n.unknown.Warn(ctx, "these configs are not known, they are kept and have no effect", "configs", unknown)
	}
}
