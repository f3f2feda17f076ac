package configs

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write standalone.toml")

func TestStandaloneSampleListsEveryKeyWithItsDefault(t *testing.T) {
	want := sample(t)
	if *update {
		if err := os.WriteFile("standalone.toml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("standalone.toml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("standalone.toml is out of date (make generate): %s", diff)
	}
	if changes := load(t, Sources{}).Changes(load(t, Sources{File: "standalone.toml"})); len(changes) > 0 {
		t.Errorf("not the defaults: %v", changes)
	}
	c := load(t, Sources{File: "standalone.toml"})
	for _, s := range settings {
		if s.section() != "cluster" && c.origins[s.name] == FromDefault {
			t.Errorf("%s is missing", s.name)
		}
	}
}

// sample returns the sample file that lists every key with its meaning, its default and its allowed values.
func sample(t *testing.T) string {
	t.Helper()
	defaults := load(t, Sources{})
	var b strings.Builder
	b.WriteString(sampleHead)
	section := ""
	for i := range settings {
		s := &settings[i]
		if s.section() == "cluster" {
			continue // cluster.toml shows them: a cluster section would make the broker a node of a cluster
		}
		if s.section() != section {
			section = s.section()
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		b.WriteString("\n")
		note := s.doc + " Allowed: " + s.allowed + "."
		if s.dynamic {
			note += " A changed value takes effect at once."
		}
		writeWrapped(&b, note)
		fmt.Fprintf(&b, "%s = %s\n", s.key(), s.show(defaults))
	}
	b.WriteString(sampleTail)
	return b.String()
}

const sampleHead = `# Every setting of a standalone broker with its default.
# This file is written from configs/settings.go by make generate.
#
# Precedence: defaults, this file (--config), environment variables, flags. The variable of a key is CHRONIK_ and the
# key in capitals, with two underscores for each dot: CHRONIK_METADATA__WAL__SEGMENT_SIZE. On the command line:
# --set key=value.
`

const sampleTail = `
# Configs of the broker by Kafka's own names, as in Kafka's server.properties; docs/configs.md says which have an
# effect. Those that are dynamic in Kafka are taken into use when this file changes. Their variables:
# CHRONIK_KAFKA__NUM_PARTITIONS.
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
