// Package configdef defines the configs of topics, brokers, groups and client metrics subscriptions that Apache Kafka
// 4.3.1 has. A table per kind of resource (Topic, Broker, Group, ClientMetrics) holds each config's name, type,
// default, allowed values and meaning, and what this broker does with it. No other place knows a config's default or
// rule: validation, DescribeConfigs and docs/configs.md, which is generated, all read these tables.
//
// A config keeps Kafka's name and accepts what Kafka accepts, so that tools made for Kafka work. Its Use says whether
// it also has Kafka's effect; tests check that a config which is said to be Honoured is read somewhere.
package configdef

import (
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

//go:generate go test -run TestTheDocumentationIsThatOfTheTables -update .

// Type is the type of a config's value, numbered as in Kafka's DescribeConfigs.
type Type int8

// The types.
const (
	Boolean  Type = 1
	String   Type = 2
	Int      Type = 3 // 32 bits
	Short    Type = 4 // 16 bits
	Long     Type = 5 // 64 bits
	Double   Type = 6
	List     Type = 7 // texts separated by commas
	Class    Type = 8 // the name of a Java class
	Password Type = 9 // never shown
)

var typeNames = [...]string{"", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

// String returns the type's name as Kafka writes it.
func (t Type) String() string { return typeNames[t] }

// Use says what this broker does with a config.
type Use uint8

// The uses.
const (
	// Honoured configs have the effect that Kafka gives them.
	Honoured Use = iota
	// Shown configs are accepted and shown. What they tune in Kafka does not exist here or is decided otherwise, and
	// clients cannot tell the difference.
	Shown
	// Fixed configs accept their default only: another value would promise something that this broker does not do.
	Fixed
)

var useNames = [...]string{"honoured", "shown", "fixed"}

// String returns the use in one word.
func (u Use) String() string { return useNames[u] }

// Update says whether and where a broker's config can be changed while it runs.
type Update uint8

// The ways to update. The configs of topics, groups and client metrics are always dynamic.
const (
	ReadOnly    Update = iota // with a start only
	PerBroker                 // for one broker
	ClusterWide               // for one broker or as the cluster's default
)

var updateNames = [...]string{"read-only", "per-broker", "cluster-wide"}

// String returns the way to update as Kafka's documentation names it.
func (u Update) String() string { return updateNames[u] }

// Key defines one config.
type Key struct {
	Name    string
	Type    Type
	Default string // in canonical form
	Null    bool   // there is no default: the value is null until it is set
	Valid   Rule   // which values of the type are allowed; the zero Rule: all
	Use     Use
	// Decided marks a broker's config that is Shown and that this broker decides by itself: it always uses, and shows,
	// Default.
	Decided bool
	Update  Update // brokers' configs only
	// Broker is the broker config that is the default of a topic's or group's config; "" for none.
	Broker string
	// Synonyms are the broker configs with the same meaning in different units, the most specific first, Name included;
	// nil for none.
	Synonyms []string
	// Unlisted configs are shown only once they are set.
	Unlisted bool
	Doc      string // meaning and unit, in whole sentences
}

// Documentation returns Doc, and adds to it that a Shown config has no effect. A tool that shows the config's value
// must not promise that the broker uses it.
func (k *Key) Documentation() string {
	switch {
	case k.Use != Shown:
		return k.Doc
	case k.Decided:
		return k.Doc + " This broker always uses " + k.Default + ", whatever is set."
	}
	return k.Doc + " It has no effect on this broker."
}

// Sensitive reports whether the config's value is never shown.
func (k *Key) Sensitive() bool { return k.Type == Password }

// Check returns a fault.InvalidConfig, with Kafka's message, if text is not a valid value of the config.
func (k *Key) Check(text string) error {
	value, err := k.Parse(text)
	if err != nil {
		return err
	}
	if list, ok := value.([]string); ok && slices.Contains(list, "") {
		return fault.New(fault.InvalidConfig, "Configuration '%s' values must not be empty.", k.Name)
	}
	if bad, reason := k.Valid.check(k.Name, value); reason != "" {
		return invalid(k.Name, bad, reason)
	}
	if k.Use == Fixed && (k.Null || Format(value) != k.Default) {
		only := k.Default
		switch {
		case k.Null:
			only = "null"
		case only == "":
			only = "the empty value"
		}
		return invalid(k.Name, value, "This broker supports only "+only)
	}
	return nil
}

// Canonical returns text as Kafka shows the value: without surrounding space, numbers and booleans in their usual form.
// Text that is not of the config's type is returned unchanged.
func (k *Key) Canonical(text string) string {
	value, err := k.Parse(text)
	if err != nil {
		return text
	}
	return Format(value)
}

// invalid is Kafka's ConfigException for a value.
func invalid(key string, value any, reason string) error {
	return fault.New(fault.InvalidConfig, "Invalid value %s for configuration %s: %s", Format(value), key, reason)
}

// Table holds the configs of one kind of resource, in the order of their definition.
type Table struct {
	keys   []Key
	byName map[string]*Key
}

func newTable(parts ...[]Key) *Table {
	t := &Table{byName: make(map[string]*Key)}
	for _, part := range parts {
		t.keys = append(t.keys, part...)
	}
	for i := range t.keys {
		t.byName[t.keys[i].Name] = &t.keys[i]
	}
	return t
}

// Key returns the definition of a config.
func (t *Table) Key(name string) (*Key, bool) {
	k, ok := t.byName[name]
	return k, ok
}

// Keys returns all definitions. They must not be changed.
func (t *Table) Keys() []Key { return t.keys }

// splitList returns the elements of a list, as Kafka splits it: an empty text has none.
func splitList(text string) []string {
	if text == "" {
		return []string{}
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
