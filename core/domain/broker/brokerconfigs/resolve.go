package brokerconfigs

import (
	"maps"
	"math"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// resolvedConfigs is this broker's effective configs as of one image, parsed. It never changes.
type resolvedConfigs struct {
	img          *metadata.Image
	static       *map[string]string
	own, cluster map[string]string // dynamic: this broker's, and those for all brokers
	*effectiveConfigs
}

// effectiveConfigs are shared by the images between which no broker config has changed.
type effectiveConfigs struct {
	values   map[string]effectiveValue
	flushSet bool        // flush.messages or flush.ms is set for brokers
	topic    TopicConfig // of a topic without configs of its own
}

type effectiveValue struct {
	parsed any // as configdef's Parse returns it; nil for null
	text   string
}

// current returns the configs for the store's image and the static ones. It parses nothing unless a broker config has
// changed.
func (c *Configs) current() *resolvedConfigs {
	img, static := c.store.Image(), c.static.Load()
	r := c.resolved.Load()
	if r.img == img && r.static == static {
		return r
	}
	own, cluster := img.Configs(metadata.ResourceBroker, c.name), img.Configs(metadata.ResourceBroker, "")
	next := &resolvedConfigs{img: img, static: static, own: own, cluster: cluster, effectiveConfigs: r.effectiveConfigs}
	if static != r.static || !maps.Equal(own, r.own) || !maps.Equal(cluster, r.cluster) {
		next = c.resolveWith(static, own, cluster)
		next.img = img
	}
	c.resolved.Store(next) // a concurrent caller may store an older one, which the next call replaces
	return next
}

// resolve computes the effective configs for these dynamic ones.
func (c *Configs) resolve(own, cluster map[string]string) *resolvedConfigs {
	return c.resolveWith(c.static.Load(), own, cluster)
}

func (c *Configs) resolveWith(static *map[string]string, own, cluster map[string]string) *resolvedConfigs {
	keys := configdef.Broker.Keys()
	r := &resolvedConfigs{
		static: static, own: own, cluster: cluster,
		effectiveConfigs: &effectiveConfigs{values: make(map[string]effectiveValue, len(keys))},
	}
	for i := range keys {
		k := &keys[i]
		if k.Synonyms != nil && k.Synonyms[0] == k.Name {
			r.values[k.Name] = r.effectiveOfUnits(k)
		} else {
			r.values[k.Name] = r.effective(k)
		}
	}
	for _, key := range []string{
		"log.flush.interval.messages", "log.flush.interval.ms",
		"log.flush.scheduler.interval.ms",
	} {
		if _, set := r.set(key); set {
			r.flushSet = true
		}
	}
	r.topic = r.topicConfig(nil, c.flush, c.nodeID)
	return r
}

// set returns the text with the highest precedence that is set for a broker config.
func (r *resolvedConfigs) set(key string) (text string, ok bool) {
	for _, level := range []map[string]string{r.own, r.cluster, *r.static} {
		if text, ok = level[key]; ok {
			return text, true
		}
	}
	return "", false
}

// effective returns the effective value of one broker config.
func (r *resolvedConfigs) effective(k *configdef.Key) effectiveValue {
	if text, ok := r.set(k.Name); ok && !k.Decided {
		if value, err := k.Parse(text); err == nil { // configs in the metadata were checked, perhaps by another version
			return effectiveValue{parsed: value, text: configdef.Format(value)}
		}
	}
	if k.Null {
		return effectiveValue{}
	}
	value, _ := k.Parse(k.Default)
	return effectiveValue{parsed: value, text: k.Default}
}

// effectiveOfUnits returns the effective value in milliseconds of a config that can be given in several units. The
// smallest unit that is set, at any level, takes precedence.
func (r *resolvedConfigs) effectiveOfUnits(k *configdef.Key) effectiveValue {
	var found effectiveValue
	for _, name := range k.Synonyms {
		unit, _ := configdef.Broker.Key(name)
		v := r.effective(unit)
		if v.parsed == nil {
			continue
		}
		found = inMillis(name, v)
		if _, set := r.set(name); set {
			break
		}
	}
	return found
}

func inMillis(name string, v effectiveValue) effectiveValue {
	n := v.parsed.(int64)
	switch {
	case strings.HasSuffix(name, ".hours"):
		n *= 60 * 60 * 1000 // of 32 bits before
	case strings.HasSuffix(name, ".minutes"):
		n *= 60 * 1000
	}
	if strings.HasPrefix(name, "log.retention.") && n < 0 {
		n = -1 // negative times stand for "no limit" in any unit
	}
	return effectiveValue{parsed: n, text: configdef.Format(n)}
}

func (e *effectiveConfigs) value(key string) effectiveValue {
	v, ok := e.values[key]
	if !ok {
		panic("no broker config " + key) // a programming error
	}
	return v
}

func (e *effectiveConfigs) int(key string) int64 { return e.value(key).parsed.(int64) }

// limit is int for a config that is a limit; null means no limit.
func (e *effectiveConfigs) limit(key string) int64 {
	if n, ok := e.value(key).parsed.(int64); ok {
		return n
	}
	return math.MaxInt64
}

func (e *effectiveConfigs) bool(key string) bool { return e.value(key).parsed.(bool) }
