package configdef_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// given are the configs that wiring gives the broker from its own configuration; who needs them has them from there.
var given = []string{"node.id", "broker.id", "broker.rack", "log.dirs", "listeners", "advertised.listeners"}

// toCome are fields of topics' configs that only a cluster reads: one replica is always in sync.
var toCome = []string{"MinInSyncReplicas"}

// A config that is said to be honoured must be read somewhere: by its name, or, one of brokers, by way of a topic's config that is
// honoured or of one in another unit.
func TestWhatIsSaidToBeHonouredIsRead(t *testing.T) {
	source := sources(t, "core", "adapters", "wiring")
	named := func(name string) bool {
		// The settings of internal topics are put together of a prefix and the rest.
		_, rest, ofInternal := strings.Cut(name, "offsets.topic.")
		return strings.Contains(source, `"`+name+`"`) || ofInternal && strings.Contains(source, `"`+rest+`"`)
	}
	read := func(name string) bool {
		return named(name) || slices.ContainsFunc(configdef.Topic.Keys(), func(k configdef.Key) bool {
			return k.Broker == name && k.Use == configdef.Honoured
		})
	}
	for _, k := range configdef.Topic.Keys() {
		// Levels are read by the name of their codec.
		codec, isLevel := strings.CutPrefix(strings.TrimSuffix(k.Name, ".level"), "compression.")
		if k.Use == configdef.Honoured && !named(k.Name) && (!isLevel || !named(codec)) {
			t.Errorf("topics: %s is said to be honoured, but nobody reads it", k.Name)
		}
	}
	for _, k := range configdef.Broker.Keys() {
		if k.Use != configdef.Honoured || slices.Contains(given, k.Name) || read(k.Name) || slices.ContainsFunc(k.Synonyms, read) {
			continue
		}
		t.Errorf("brokers: %s is said to be honoured, but nobody reads it", k.Name)
	}
}

// otherwise are honoured configs whose default is not what happens while nobody sets them, as their texts say: a setting
// of the broker's own counts, which the config replaces or limits further.
var otherwise = map[string]string{
	"flush.messages": "syncs every acknowledged append", "flush.ms": "sync of every acknowledged append",
	"log.flush.interval.messages": "sync of every acknowledged append", "log.flush.interval.ms": "sync of every acknowledged append",
	"log.flush.scheduler.interval.ms": "sync of every acknowledged append",
	"max.connections":                 "memory", "max.incremental.fetch.session.cache.slots": "memory",
}

// TestWhatToolsAreShownIsInUse: a tool is shown a config's value, and its documentation. Of a config that is honoured the
// value is what the broker reads, see above. Of another one either the value is where the broker has its own from, or
// the documentation says that it has no effect.
func TestWhatToolsAreShownIsInUse(t *testing.T) {
	source := sources(t, "core", "adapters", "wiring")
	for kind, table := range map[string]*configdef.Table{
		"brokers": configdef.Broker, "topics": configdef.Topic, "groups": configdef.Group, "client metrics": configdef.ClientMetrics,
	} {
		for _, k := range table.Keys() {
			text := k.Documentation()
			switch {
			case k.Decided && k.Use != configdef.Shown:
				t.Errorf("%s: %s is decided here, and still is %s", kind, k.Name, k.Use)
			case k.Decided && (!strings.Contains(source, `configdef.Decided("`+k.Name+`")`) || !strings.Contains(text, "always uses "+k.Default)):
				t.Errorf("%s: %s is said to be decided here, but nobody uses its value, or nobody is told: %s", kind, k.Name, text)
			case k.Use == configdef.Shown && !k.Decided && !strings.HasSuffix(text, "It has no effect on this broker."):
				t.Errorf("%s: %s is only shown, and does not say so: %s", kind, k.Name, text)
			case !strings.Contains(text, otherwise[k.Name]):
				t.Errorf("%s: %s does not say what happens by default: %s", kind, k.Name, text)
			}
		}
	}
	for _, m := range regexp.MustCompile(`configdef\.Decided\("([^"]*)"\)`).FindAllStringSubmatch(source, -1) {
		if k, ok := configdef.Broker.Key(m[1]); !ok || !k.Decided {
			t.Errorf("%s is used as if it were decided here", m[1])
		}
	}
}

// What topics' configs are resolved to must be used by who writes records and by who stores them.
func TestWhatTopicConfigsAreResolvedToIsUsed(t *testing.T) {
	for file, of := range map[string]struct{ name, folder string }{
		"core/ports/logs.go":                        {"LogConfig", "adapters/seglog"},
		"core/domain/broker/brokerconfigs/topic.go": {"TopicConfig", "core/domain/broker/replicas"},
	} {
		fields := fieldsOf(t, filepath.Join(root, file), of.name)
		if len(fields) == 0 {
			t.Fatalf("%s has no fields", of.name)
		}
		source := sources(t, of.folder, "core/domain/broker/replicas")
		for _, field := range fields {
			used := regexp.MustCompile(`\.` + field + `\b`)
			if !slices.Contains(toCome, field) && !used.MatchString(source) {
				t.Errorf("%s.%s is resolved, but nobody uses it", of.name, field)
			}
		}
	}
}

// root is the module's directory.
const root = "../../.."

// sources returns the text of all files under the folders that are no tests, but for the definitions of configs.
func sources(t *testing.T, folders ...string) string {
	t.Helper()
	var source strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.Contains(path, "configdef") {
				return err
			}
			text, err := os.ReadFile(path)
			source.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return source.String()
}

// fieldsOf returns the names of a struct's fields.
func fieldsOf(t *testing.T, file, name string) (fields []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != name {
			return true
		}
		for _, f := range spec.Type.(*ast.StructType).Fields.List {
			for _, n := range f.Names {
				fields = append(fields, n.Name)
			}
		}
		return false
	})
	return fields
}
