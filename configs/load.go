package configs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"

	"github.com/chronik-stream/chronik/core/domain/configdef"
)

// Sources are the sources of a configuration. Each has precedence over those before it.
type Sources struct {
	File    string   // path of a TOML file, "" for none
	Environ []string // NAME=value, as of os.Environ
	Flags   []Assignment
	Options []Assignment // of a program that embeds the broker
}

// Assignment is a key with its value, given on the command line or by a program.
type Assignment struct {
	Key, Value string
	Flag       string // the flag that gave it, such as "--listen", or what of the program
}

// Origin says where a value came from.
type Origin string

// FromDefault is the origin of a setting that no source has set.
const FromDefault Origin = "default"

func (o Origin) isFile() bool { return strings.HasPrefix(string(o), "file ") }

// kafkaSection holds Kafka's own keys.
const kafkaSection = "kafka"

// ownKeys are Kafka's keys for which Chronik has keys of its own.
var ownKeys = map[string]string{
	"log.dir": "data_dir", "log.dirs": "data_dir",
	"listeners": "listen", "advertised.listeners": "advertised_addr",
}

// nodeIDKey is the setting that Kafka's node.id and broker.id set as well. A broker without a cluster has its id from
// these.
const nodeIDKey = "cluster.node_id"

// given is a value with its origin, before it is parsed.
type given struct {
	value  any
	origin Origin
}

// Load returns the configuration from the sources. The error names every unknown key and every value that is not
// allowed, with its source and the allowed values.
func Load(s Sources) (*Config, error) {
	values, err := s.read()
	if err != nil {
		return nil, err
	}
	c := &Config{Kafka: make(map[string]string), origins: make(map[string]Origin)}
	var wrong []error
	for i := range settings {
		set := &settings[i]
		g, found := values[set.name]
		if !found {
			g = given{set.fallback, FromDefault}
		}
		delete(values, set.name)
		c.origins[set.name] = g.origin
		if found && set.section() == "cluster" {
			c.nodeNamed = c.nodeNamed || set.name == nodeIDKey && !g.origin.isFile()
			c.clustered = c.clustered || set.name != nodeIDKey || g.origin.isFile()
		}
		if text, ok := textOf(g.value); !ok || !set.store(c, text) {
			wrong = append(wrong, fmt.Errorf("%s = %s (%s): allowed: %s", set.name, shown(g.value),
				g.origin, set.allowed))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		g := values[name]
		key, isKafka := strings.CutPrefix(name, kafkaSection+".")
		switch {
		case isKafka:
			wrong = append(wrong, c.storeKafka(key, g))
		case isEmptyTable(g.value) && isSection(name):
			c.clustered = c.clustered || name == "cluster"
		default:
			wrong = append(wrong, unknown(name, g))
		}
	}
	if err := errors.Join(append(wrong, c.check())...); err != nil {
		return nil, err
	}
	if c.OnlyNamesNode() {
		c.Kafka["node.id"] = strconv.FormatInt(c.Cluster.NodeID, 10)
		c.origins[kafkaSection+".node.id"] = c.origins[nodeIDKey]
	}
	return c, nil
}

// read returns the values of the sources by key.
func (s Sources) read() (map[string]given, error) {
	values := make(map[string]given)
	if s.File != "" {
		k := koanf.New(".")
		if err := k.Load(file.Provider(s.File), toml.Parser()); err != nil {
			return nil, fmt.Errorf("configuration file %s: %w", s.File, err)
		}
		for key, value := range k.All() {
			values[key] = given{value, Origin("file " + s.File)}
		}
	}

	k, names := koanf.New("."), make(map[string]Origin)
	provider := env.Provider("", env.Opt{
		Prefix:      envPrefix,
		EnvironFunc: func() []string { return s.Environ },
		TransformFunc: func(name, value string) (string, any) {
			key := keyOfVariable(name, value)
			names[key] = Origin("environment variable " + name)
			return key, value
		},
	})
	if err := k.Load(provider, nil); err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	for key, value := range k.All() {
		values[key] = given{value, names[key]}
	}

	k, assigned := koanf.New("."), make(map[string]any)
	assign := func(a Assignment, from Origin) {
		if earlier, again := assigned[a.Key]; again && isRepeatable(a.Key) {
			assigned[a.Key] = fmt.Sprint(earlier, ",", a.Value)
		} else {
			assigned[a.Key] = a.Value
		}
		names[a.Key] = from
	}
	for _, a := range s.Flags {
		assign(a, Origin("flag "+a.Flag))
	}
	for _, a := range s.Options {
		assign(a, Origin(a.Flag))
	}
	if err := k.Load(confmap.Provider(assigned, ""), nil); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	for key, value := range k.All() {
		values[key] = given{value, names[key]}
	}
	return values, nil
}

// isRepeatable reports whether a second value on the command line is added to the first instead of replacing it.
func isRepeatable(key string) bool {
	return key == "listen" || key == "advertised_addr" || key == "cluster.peers"
}

// storeKafka stores the value of one of Kafka's keys.
func (c *Config) storeKafka(key string, g given) error {
	text, ok := textOf(g.value)
	if own, is := ownKeys[key]; is {
		return fmt.Errorf("kafka.%s (%s): set %s instead", key, g.origin, own)
	}
	if err := configdef.ValidateBroker(key, text); err != nil || !ok {
		return fmt.Errorf("kafka.%s = %s (%s): %w", key, shown(g.value), g.origin,
			cmp.Or(err, errors.New("a text, a number, a boolean or a list is allowed")))
	}
	if key == "node.id" || key == "broker.id" {
		if err := c.storeNodeID(key, text, g.origin); err != nil {
			return err
		}
	}
	c.Kafka[key] = text
	c.origins[kafkaSection+"."+key] = g.origin
	return nil
}

// storeNodeID stores this node's id from one of Kafka's keys. If several keys give it, the values must be equal.
func (c *Config) storeNodeID(key, text string, from Origin) error {
	set := &settings[slices.IndexFunc(settings, func(s setting) bool { return s.name == nodeIDKey })]
	before, origin := c.Cluster.NodeID, c.origins[nodeIDKey]
	if !set.store(c, text) {
		return fmt.Errorf("kafka.%s = %s (%s): allowed: %s", key, shown(text), from, set.allowed)
	}
	if origin != FromDefault && c.Cluster.NodeID != before {
		return fmt.Errorf("kafka.%s = %s (%s): the id of this node is %d already (%s)", key, shown(text), from, before,
			origin)
	}
	c.origins[nodeIDKey] = from
	return nil
}

// check checks settings against each other.
func (c *Config) check() error {
	for _, l := range c.Listen {
		switch l.Name {
		case "SSL", "SASL_PLAINTEXT", "SASL_SSL":
			return fmt.Errorf(
				"listen = %s (%s): a listener of this name speaks %s in Kafka, and here all speak PLAINTEXT: "+
					"give it another name",
				l.Name+"="+l.Address, c.origins["listen"], l.Name,
			)
		}
	}
	for _, a := range c.Advertised {
		if !slices.ContainsFunc(c.Listen, func(l Listener) bool { return l.Name == a.Name }) {
			return fmt.Errorf("advertised_addr = %s (%s): there is no listener %s in listen", a.Name+"="+a.Address,
				c.origins["advertised_addr"], a.Name)
		}
		if strings.HasPrefix(a.Address, ":") || strings.HasSuffix(a.Address, ":0") {
			return fmt.Errorf("advertised_addr = %s (%s): clients need a host and a port", a.Address,
				c.origins["advertised_addr"])
		}
	}
	return errors.Join(c.checkPeers(), c.checkRaftAddress())
}

// checkPeers refuses peers without this node, and an address that is given twice, as happens when an entry is copied.
func (c *Config) checkPeers() error {
	taken, ids := make(map[string]int64), make([]int64, len(c.Cluster.Peers))
	for i, p := range c.Cluster.Peers {
		ids[i] = p.ID
	}
	if len(ids) > 0 && !slices.Contains(ids, c.Cluster.NodeID) {
		return fmt.Errorf("cluster.node_id = %d (%s): cluster.peers names only nodes %v, and must name this one, too",
			c.Cluster.NodeID, c.origins[nodeIDKey], ids)
	}
	for _, p := range c.Cluster.Peers {
		for _, address := range []string{p.Kafka, p.Raft} {
			other, again := taken[address]
			if again && !strings.HasSuffix(address, ":0") {
				return fmt.Errorf("cluster.peers (%s): the address %s is given twice, for node %d and for node %d: each "+
					"node has two addresses of its own", c.origins["cluster.peers"], address, other, p.ID)
			}
			taken[address] = p.ID
		}
	}
	return nil
}

// checkRaftAddress refuses a node that would listen twice at one address. That happens if the two addresses of its peer
// are swapped.
func (c *Config) checkRaftAddress() error {
	for _, p := range c.Cluster.Peers {
		if p.ID == c.Cluster.NodeID && !strings.HasSuffix(p.Raft, ":0") &&
			slices.ContainsFunc(c.Listen, func(l Listener) bool { return l.Address == p.Raft }) {
			return fmt.Errorf("cluster.peers (%s): node %d has the raft address %s, at which it listens for Kafka's "+
				"clients: the order is id@kafka@raft", c.origins["cluster.peers"], p.ID, p.Raft)
		}
	}
	return nil
}

func unknown(name string, g given) error {
	section := name[:max(strings.LastIndexByte(name, '.'), 0)]
	if !isSection(section) {
		section = ""
	}
	var keys []string
	for i := range settings {
		if settings[i].section() == section {
			keys = append(keys, settings[i].key())
		}
	}
	where := "at the top"
	if section != "" {
		where = "in [" + section + "]"
	} else {
		keys = append(keys, "and the sections "+strings.Join(sections(), ", "))
	}
	return fmt.Errorf("unknown key %s = %s (%s): %s there are %s", name, shown(g.value), g.origin, where,
		strings.Join(keys, ", "))
}

// sections returns the names of all sections, in brackets.
func sections() []string {
	var all []string
	for i := range settings {
		if s := "[" + settings[i].section() + "]"; s != "[]" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return append(all, "["+kafkaSection+"]")
}

func isSection(name string) bool {
	return name == kafkaSection || slices.ContainsFunc(settings, func(s setting) bool {
		return name != "" && strings.HasPrefix(s.name, name+".")
	})
}

func isEmptyTable(value any) bool {
	table, ok := value.(map[string]any)
	return ok && len(table) == 0
}

// textOf returns a value of a source as the text that would be given on the command line.
func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			text, ok := textOf(item)
			if !ok {
				return "", false
			}
			items[i] = text
		}
		return strings.Join(items, ","), true
	case map[string]any:
		return textOfPeer(v)
	}
	return "", false
}

// textOfPeer returns a table of [[cluster.peers]] in one line.
func textOfPeer(table map[string]any) (string, bool) {
	id, hasID := table["id"].(int64)
	kafka, hasKafka := table["kafka"].(string)
	raft, hasRaft := table["raft"].(string)
	return fmt.Sprintf("%d@%s@%s", id, kafka, raft), hasID && hasKafka && hasRaft && len(table) == 3
}

func shown(value any) string {
	if text, ok := value.(string); ok {
		return quote(text)
	}
	return fmt.Sprint(value)
}
