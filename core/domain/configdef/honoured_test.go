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

// given are the configs whose values wiring takes from the broker's configuration and passes on as values.
var given = []string{"node.id", "broker.id", "broker.rack", "log.dirs", "listeners", "advertised.listeners"}

// An honoured config must be read somewhere. A broker's config may also be read as the default of an honoured topic
// config, or through a synonym in another unit.
func TestWhatIsSaidToBeHonouredIsRead(t *testing.T) {
	source := sources(t, "core", "adapters", "wiring")
	named := func(name string) bool { return strings.Contains(source, `"`+name+`"`) }
	read := func(name string) bool {
		return named(name) || slices.ContainsFunc(configdef.Topic.Keys(), func(k configdef.Key) bool {
			return k.Broker == name && k.Use == configdef.Honoured
		})
	}
	for _, k := range configdef.Topic.Keys() {
		// Levels are read by the name of their codec.
		codec, isLevel := strings.CutPrefix(strings.TrimSuffix(k.Name, ".level"), "compression.")
		if k.Use == configdef.Honoured && !named(k.Name) && (!isLevel || !named(codec)) {
			t.Errorf("topics: %s is honoured, but not read anywhere", k.Name)
		}
	}
	for _, k := range configdef.Broker.Keys() {
		if k.Use != configdef.Honoured || slices.Contains(given, k.Name) || read(k.Name) ||
			slices.ContainsFunc(k.Synonyms, read) {
			continue
		}
		t.Errorf("brokers: %s is honoured, but not read anywhere", k.Name)
	}
}

// otherwise are honoured configs whose default does not describe what the broker does while they are not set. A setting
// of Chronik's own applies, which the config replaces or restricts. Their documentation must contain the text.
var otherwise = map[string]string{
	"flush.messages":                  "syncs every acknowledged append",
	"flush.ms":                        "sync of every acknowledged append",
	"log.flush.interval.messages":     "sync of every acknowledged append",
	"log.flush.interval.ms":           "sync of every acknowledged append",
	"log.flush.scheduler.interval.ms": "sync of every acknowledged append",
	"max.connections":                 "memory", "max.incremental.fetch.session.cache.slots": "memory",
}

// TestWhatToolsAreShownIsInUse: tools show a config's value and its documentation. The value of an honoured config is
// what the broker reads, see above. For any other config, either the broker takes its value from the table, or the
// documentation says that the config has no effect.
func TestWhatToolsAreShownIsInUse(t *testing.T) {
	source := sources(t, "core", "adapters", "wiring")
	for kind, table := range map[string]*configdef.Table{
		"brokers": configdef.Broker, "topics": configdef.Topic, "groups": configdef.Group,
		"client metrics": configdef.ClientMetrics,
	} {
		for _, k := range table.Keys() {
			text := k.Documentation()
			switch {
			case k.Decided && k.Use != configdef.Shown:
				t.Errorf("%s: %s is decided here, and still is %s", kind, k.Name, k.Use)
			case k.Decided && (!strings.Contains(source, `configdef.Decided("`+k.Name+`")`) ||
				!strings.Contains(text, "always uses "+k.Default)):
				t.Errorf("%s: %s is decided here, but its value is not used, or not documented: %s",
					kind, k.Name, text)
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

// Every field into which topics' configs are resolved must be used by the code that appends or stores records.
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
			if !used.MatchString(source) {
				t.Errorf("%s.%s is resolved, but not used", of.name, field)
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
