package configdef_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

var update = flag.Bool("update", false, "write docs/configs.md anew")

const documentation = "../../../docs/configs.md"

// docs/configs.md says of every config what this broker does with it. It is made by: go
// generate ./core/domain/configdef
func TestTheDocumentationIsThatOfTheTables(t *testing.T) {
	want := document()
	if *update {
		if err := os.WriteFile(documentation, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/configs.md is old, make it anew: go generate ./core/domain/configdef\n%s", diff)
	}
}

func document() []byte {
	var out bytes.Buffer
	fmt.Fprint(&out, `# Configs

<!-- Generated from core/domain/configdef by "go generate ./core/domain/configdef"; do not edit. -->

Chronik knows every config that Apache Kafka 4.3.1 shows, by the same name, type, default and rules. What it does with each:

- **honoured**: it has the effect that Kafka gives it.
- **shown**: it is accepted within Kafka's limits, kept and shown, and has no other effect, which the broker logs once. It tunes something
  inside Kafka that does not exist here (a thread pool, say), a feature that is not served, or TLS and SASL listeners, which there are none
  of. Tools that ask for a config's documentation are told that it has no effect.
- **decided**: it is accepted within Kafka's limits and has no effect, which the broker logs once: Chronik decides it by itself. What is
  shown as its value is what is in use, and differs from Kafka's default.
- **fixed**: only the default is accepted. Another value would promise what Chronik does not do, and is refused, at the start
  as well as later.

Topics, groups and client metrics subscriptions take their configs while the broker runs. A broker's config is *read-only*
(given with the start), *per-broker* (also settable for one broker while it runs) or *cluster-wide* (also settable for all
brokers at once). What is set for a topic or group comes first, then what is set for the broker, then for all brokers, then what the
broker was started with, then the default.

Unknown names are refused, at the start, too, so that a slip does not go unnoticed. Only what is set for brokers while they run may have
any name, as in Kafka, which keeps unknown ones for its plug-ins: it is kept, shown without its value, and logged as unknown. Configs
for single listeners (`+"`listener.name.NAME.CONFIG`"+`) are taken by the rules of CONFIG and have no effect; the limits
among them are refused.

`)
	for _, part := range []struct {
		title  string
		table  *configdef.Table
		broker bool
	}{
		{"Topics", configdef.Topic, false},
		{"Groups", configdef.Group, false},
		{"Client metrics subscriptions", configdef.ClientMetrics, false},
		{"Brokers", configdef.Broker, true},
	} {
		counts := map[string]int{}
		for _, k := range part.table.Keys() {
			counts[useOf(k)]++
		}
		fmt.Fprintf(&out, "## %s\n\n%d configs: %d honoured, %d shown, %d fixed.\n\n", part.title, len(part.table.Keys()),
			counts["honoured"], counts["shown"]+counts["decided"], counts["fixed"])
		fmt.Fprintf(&out, "| config | type | default | allowed | %s | here | meaning |\n|---|---|---|---|---|---|---|\n", secondTitle(part.broker))
		for _, k := range part.table.Keys() {
			fmt.Fprintf(&out, "| `%s` | %s | %s | %s | %s | %s | %s |\n", k.Name, strings.ToLower(k.Type.String()), defaultOf(k),
				cell(k.Valid.String()), second(k, part.broker), useOf(k), cell(k.Doc))
		}
		fmt.Fprintln(&out)
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// useOf says in one word what is done with a config.
func useOf(k configdef.Key) string {
	if k.Decided {
		return "decided"
	}
	return k.Use.String()
}

func secondTitle(broker bool) string {
	if broker {
		return "update"
	}
	return "broker's"
}

func second(k configdef.Key, broker bool) string {
	switch {
	case broker:
		return k.Update.String()
	case k.Broker == "":
		return ""
	default:
		return "`" + k.Broker + "`"
	}
}

func defaultOf(k configdef.Key) string {
	switch {
	case k.Null:
		return "null"
	case k.Default == "":
		return "empty"
	default:
		return "`" + k.Default + "`"
	}
}

// cell escapes what Markdown would take for the end of a cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
