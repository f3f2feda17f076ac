package configs

import (
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting defines one key: how its text is parsed into a Config, and how it is written.
type setting struct {
	name     string
	fallback string // the default, as text
	allowed  string // the allowed values, for people
	dynamic  bool   // a changed value is taken into use without a restart
	doc      string // whole sentences
	store    func(c *Config, text string) bool
	show     func(c *Config) string // as TOML
}

// section returns the table that the key stands in, "" for the top.
func (s *setting) section() string {
	at := strings.LastIndexByte(s.name, '.')
	return s.name[:max(at, 0)]
}

// key returns the name within the section.
func (s *setting) key() string { return s.name[strings.LastIndexByte(s.name, '.')+1:] }

func (s setting) changeable() setting {
	s.dynamic = true
	return s
}

func text(name, fallback, allowed, doc string, field func(*Config) *string, valid func(string) bool) setting {
	return setting{
		name: name, fallback: fallback, allowed: allowed, doc: doc,
		store: func(c *Config, text string) bool {
			*field(c) = text
			return valid(text)
		},
		show: func(c *Config) string { return quote(*field(c)) },
	}
}

func choice(name, fallback, doc string, field func(*Config) *string, texts ...string) setting {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return text(name, fallback, strings.Join(quoted, ", "), doc, field,
		func(t string) bool { return slices.Contains(texts, t) })
}

func toggle(name string, fallback bool, doc string, field func(*Config) *bool) setting {
	return setting{
		name: name, fallback: strconv.FormatBool(fallback), allowed: "true, false", doc: doc,
		store: func(c *Config, text string) bool {
			*field(c) = text == "true"
			return text == "true" || text == "false"
		},
		show: func(c *Config) string { return strconv.FormatBool(*field(c)) },
	}
}

func number(name string, fallback, low, high int64, doc string, field func(*Config) *int64) setting {
	return setting{
		name: name, fallback: strconv.FormatInt(fallback, 10), allowed: fmt.Sprintf("%d to %d", low, high), doc: doc,
		store: func(c *Config, text string) bool {
			n, err := strconv.ParseInt(text, 10, 64)
			*field(c) = n
			return err == nil && low <= n && n <= high
		},
		show: func(c *Config) string { return strconv.FormatInt(*field(c), 10) },
	}
}

func ratio(name string, fallback float64, doc string, field func(*Config) *float64) setting {
	return setting{
		name: name, fallback: formatFloat(fallback), allowed: "0.0 to 1.0", doc: doc,
		store: func(c *Config, text string) bool {
			n, err := strconv.ParseFloat(text, 64)
			*field(c) = n
			return err == nil && 0 <= n && n <= 1
		},
		show: func(c *Config) string { return formatFloat(*field(c)) },
	}
}

// millis is a duration written as a number of milliseconds.
func millis(name string, fallback, low, high time.Duration, doc string, field func(*Config) *time.Duration) setting {
	var n int64
	s := number(name, fallback.Milliseconds(), low.Milliseconds(), high.Milliseconds(), doc,
		func(*Config) *int64 { return &n })
	return setting{
		name: name, fallback: s.fallback, allowed: s.allowed + " (milliseconds)", doc: doc,
		store: func(c *Config, text string) bool {
			ms, err := strconv.ParseInt(text, 10, 64)
			if err != nil || ms < low.Milliseconds() || ms > high.Milliseconds() {
				return false
			}
			*field(c) = time.Duration(ms) * time.Millisecond
			return true
		},
		show: func(c *Config) string { return strconv.FormatInt(field(c).Milliseconds(), 10) },
	}
}

// units are the suffixes of sizes, the largest first.
var units = []struct {
	suffix string
	bytes  int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// size is a number of bytes, with or without a unit.
func size(name string, fallback, low, high int64, doc string, field func(*Config) *int64) setting {
	return setting{
		name: name, fallback: formatSize(fallback), doc: doc,
		allowed: fmt.Sprintf("%s to %s (bytes, or with a unit: KiB, MiB, GiB, kB, MB, GB)", formatSize(low),
			formatSize(high)),
		store: func(c *Config, text string) bool {
			n, ok := parseSize(text)
			*field(c) = n
			return ok && low <= n && n <= high
		},
		show: func(c *Config) string { return quote(formatSize(*field(c))) },
	}
}

func parseSize(text string) (int64, bool) {
	factor := int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(text, u.suffix); ok {
			text, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return 0, false
	}
	return n * factor, true
}

func formatSize(n int64) string {
	for _, u := range units[:3] {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

func formatFloat(f float64) string {
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0" // in TOML the point makes it a float
	}
	return s
}

// level is slog's level by name.
func level(name, fallback, doc string, field func(*Config) *slog.Level) setting {
	return setting{
		name: name, fallback: fallback, allowed: `"debug", "info", "warn", "error"`, doc: doc,
		store: func(c *Config, text string) bool {
			return slices.Contains([]string{"debug", "info", "warn", "error"}, text) &&
				field(c).UnmarshalText([]byte(text)) == nil
		},
		show: func(c *Config) string { return quote(strings.ToLower(field(c).String())) },
	}
}

// addresses are listeners: host:port, or name=host:port when there are several.
func addresses(name, fallback, doc string, field func(*Config) *[]Listener) setting {
	return setting{
		name: name, fallback: fallback, doc: doc,
		allowed: `a list of "host:port" or "NAME=host:port" (without a name: PLAINTEXT), each name once`,
		store: func(c *Config, text string) bool {
			var list []Listener
			for _, item := range splitList(text) {
				l, ok := parseListener(item)
				if !ok || slices.ContainsFunc(list, func(o Listener) bool { return o.Name == l.Name }) {
					return false
				}
				list = append(list, l)
			}
			*field(c) = list
			return len(list) > 0 || fallback == ""
		},
		show: func(c *Config) string {
			var items []string
			for _, l := range *field(c) {
				items = append(items, quote(l.Name+"="+l.Address))
			}
			return "[" + strings.Join(items, ", ") + "]"
		},
	}
}

func parseListener(text string) (Listener, bool) {
	name, address, found := strings.Cut(text, "=")
	if !found {
		name, address = "PLAINTEXT", text
	}
	return Listener{Name: name, Address: address}, name != "" && isAddress(address)
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// peers are nodes, in a file as [[cluster.peers]] with id, kafka and raft, elsewhere as
// id@kafka@raft, with commas between.
func peers(name, doc string, field func(*Config) *[]Peer) setting {
	return setting{
		name: name, doc: doc,
		allowed: `[[cluster.peers]] with id, kafka = "host:port" and raft = "host:port"; ` +
			"in one line: id@host:port@host:port, with commas between",
		store: func(c *Config, text string) bool {
			var list []Peer
			for _, item := range splitList(text) {
				parts := strings.Split(item, "@")
				if len(parts) != 3 || !isAddress(parts[1]) || !isAddress(parts[2]) {
					return false
				}
				id, err := strconv.ParseInt(parts[0], 10, 32)
				if err != nil || id < 0 || slices.ContainsFunc(list, func(p Peer) bool { return p.ID == id }) {
					return false
				}
				list = append(list, Peer{ID: id, Kafka: parts[1], Raft: parts[2]})
			}
			*field(c) = list
			return true
		},
		show: func(c *Config) string {
			var items []string
			for _, p := range *field(c) {
				items = append(items, fmt.Sprintf("{ id = %d, kafka = %s, raft = %s }", p.ID, quote(p.Kafka),
					quote(p.Raft)))
			}
			return "[" + strings.Join(items, ", ") + "]"
		},
	}
}

func splitList(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// quote returns text as a TOML basic string.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
