package configs

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// Print writes the configuration as TOML that Load would read, each value with its origin. Values that are never shown
// stand as "hidden".
func (c *Config) Print(w io.Writer) error {
	var rows []row
	for i := range settings {
		s := &settings[i]
		if s.section() == "cluster" && !c.clustered {
			continue // printing it would make a cluster section of it
		}
		rows = append(rows, row{section: s.section(), line: s.key() + " = " + s.show(c), note: string(c.origins[s.name])})
	}
	for _, key := range slices.Sorted(maps.Keys(c.Kafka)) {
		value := c.Kafka[key]
		if isSecret(key) {
			value = "hidden"
		}
		rows = append(rows, row{
			section: kafkaSection, line: quote(key) + " = " + quote(value), note: string(c.origins[kafkaSection+"."+key]),
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

// Document writes the sample file that lists every key with its meaning, its default and what is allowed.
func Document(w io.Writer) error {
	defaults, err := Load(Sources{})
	if err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString(documentHead)
	section := ""
	for i := range settings {
		s := &settings[i]
		if s.section() == "cluster" {
			continue // see cluster.toml: a cluster section makes a broker one of a cluster
		}
		if s.section() != section {
			section = s.section()
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		b.WriteString("\n")
		note := s.doc + " Allowed: " + s.allowed + "."
		if s.dynamic {
			note += " A changed value is taken into use at once."
		}
		writeWrapped(&b, note)
		fmt.Fprintf(&b, "%s = %s\n", s.key(), s.show(defaults))
	}
	b.WriteString(documentTail)
	_, err = io.WriteString(w, b.String())
	return err
}

const documentHead = `# Every setting of a standalone broker with its default. This file is written from configs/settings.go by make generate.
#
# Precedence: defaults, this file (--config), environment variables, flags. The variable of a key is CHRONIK_ and the key in
# capitals, with two underscores for each dot: CHRONIK_METADATA__WAL__SEGMENT_SIZE. On the command line: --set key=value.
`

const documentTail = `
# Configs of the broker by Kafka's own names, as in Kafka's server.properties; docs/configs.md says which have an effect.
# Those that are dynamic in Kafka are taken into use when this file changes. Their variables: CHRONIK_KAFKA__NUM_PARTITIONS.
[kafka]
# "num.partitions" = 3
# "auto.create.topics.enable" = false
# "log.retention.hours" = 168
`

// writeWrapped writes text as comment lines.
func writeWrapped(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 120 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
