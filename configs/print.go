package configs

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// Print writes the configuration as TOML that Load can read, each value with its origin. Secrets are written as
// "hidden".
func (c *Config) Print(w io.Writer) error {
	var rows []row
	for i := range settings {
		s := &settings[i]
		if s.section() == "cluster" && !c.clustered {
			continue // printing it would add a cluster section
		}
		rows = append(rows,
			row{section: s.section(), line: s.key() + " = " + s.show(c), note: string(c.origins[s.name])})
	}
	for _, key := range slices.Sorted(maps.Keys(c.Kafka)) {
		value := c.Kafka[key]
		if isSecret(key) {
			value = "hidden"
		}
		rows = append(rows, row{
			section: kafkaSection, line: quote(key) + " = " + quote(value),
			note: string(c.origins[kafkaSection+"."+key]),
		})
	}
	return writeRows(w, rows)
}

// isSecret reports whether the value of one of Kafka's keys is never shown.
func isSecret(key string) bool {
	k, known := configdef.Broker.Key(key)
	if !known {
		k, known = configdef.ListenerKey(key)
	}
	return !known || k.Sensitive()
}

// row is one line of TOML under its section.
type row struct{ section, line, note string }

func writeRows(w io.Writer, rows []row) error {
	width := 0
	for _, r := range rows {
		width = max(width, min(len(r.line), 48))
	}
	var b strings.Builder
	section := ""
	for _, r := range rows {
		if r.section != section {
			section = r.section
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		fmt.Fprintf(&b, "%-*s  # %s\n", width, r.line, r.note)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
