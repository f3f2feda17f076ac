package configdef_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

var tables = map[string]*configdef.Table{
	"topic": configdef.Topic, "broker": configdef.Broker, "group": configdef.Group,
	"client-metrics": configdef.ClientMetrics,
}

func TestEveryDefinitionIsWholeAndItsDefaultAllowed(t *testing.T) {
	for kind, table := range tables {
		seen := map[string]bool{}
		for _, k := range table.Keys() {
			if seen[k.Name] {
				t.Errorf("%s %s is defined twice", kind, k.Name)
			}
			seen[k.Name] = true
			if !strings.HasSuffix(k.Doc, ".") {
				t.Errorf("%s %s: documentation %q is no sentence", kind, k.Name, k.Doc)
			}
			if k.Null && k.Default != "" {
				t.Errorf("%s %s has a default and none", kind, k.Name)
			}
			if k.Synonyms != nil && !slices.Contains(k.Synonyms, k.Name) {
				t.Errorf("%s %s is not among its synonyms %v", kind, k.Name, k.Synonyms)
			}
			if k.Null {
				continue
			}
			if err := k.Check(k.Default); err != nil {
				t.Errorf("%s %s: its default is refused: %v", kind, k.Name, err)
			}
			if got := k.Canonical(k.Default); got != k.Default {
				t.Errorf("%s %s: default %q, in canonical form %q", kind, k.Name, k.Default, got)
			}
		}
	}
}

// A topic's or group's config that is not set has the value of a broker config. That one must exist, be of the same
// type, and have the same default, except for times with several units.
func TestBrokerConfigsBehindTopicsAndGroupsMatchThem(t *testing.T) {
	for _, kind := range []string{"topic", "group"} {
		for _, k := range tables[kind].Keys() {
			if k.Broker == "" {
				continue
			}
			b, ok := configdef.Broker.Key(k.Broker)
			if !ok {
				t.Errorf("%s %s: no broker config %s", kind, k.Name, k.Broker)
				continue
			}
			if b.Type != k.Type || b.Use != k.Use {
				t.Errorf("%s %s is %v and %v, the broker's %s %v and %v", kind, k.Name, k.Type, k.Use, b.Name,
					b.Type, b.Use)
			}
			if b.Default != k.Default && b.Synonyms == nil {
				t.Errorf("%s %s: default %q, of the broker's %s %q", kind, k.Name, k.Default, b.Name, b.Default)
			}
		}
	}
}

func TestValuesAreShownAsJavaShowsThem(t *testing.T) {
	double := configdef.Key{Name: "d", Type: configdef.Double}
	for text, want := range map[string]string{
		"0.5": "0.5", "2": "2.0", "1e7": "1.0E7", "12345678": "1.2345678E7", "0.0005": "5.0E-4",
		"0": "0.0", "-3": "-3.0",
		"1.7976931348623157E308": "1.7976931348623157E308", "x": "x",
	} {
		if got := double.Canonical(text); got != want {
			t.Errorf("%s is shown as %s, want %s", text, got, want)
		}
	}
	list := configdef.Key{Name: "l", Type: configdef.List}
	if got := list.Canonical(" compact , delete,compact "); got != "compact,delete" {
		t.Errorf("list is shown as %q", got)
	}
	flag := configdef.Key{Name: "b", Type: configdef.Boolean}
	if got := flag.Canonical("TRUE"); got != "true" {
		t.Errorf("boolean is shown as %q", got)
	}
}

// FuzzCheck: the canonical form of an accepted value is accepted, and is its own canonical form.
func FuzzCheck(f *testing.F) {
	for _, k := range configdef.Topic.Keys() {
		f.Add(k.Name, k.Default)
	}
	f.Add("min.cleanable.dirty.ratio", "1e-9")
	f.Fuzz(func(t *testing.T, name, text string) {
		for kind, table := range tables {
			k, ok := table.Key(name)
			if !ok || k.Check(text) != nil {
				continue
			}
			canonical := k.Canonical(text)
			if err := k.Check(canonical); err != nil {
				t.Errorf("%s %s: %q is allowed, its canonical form %q not: %v", kind, name, text, canonical, err)
			}
			if again := k.Canonical(canonical); again != canonical {
				t.Errorf("%s %s: %q becomes %q, then %q", kind, name, text, canonical, again)
			}
		}
	})
}
