package brokerconfigs

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Describe returns the resource's configs. Without keys it returns all of them; unknown keys are left out. Errors:
// fault.UnknownTopicOrPartition, InvalidTopic, InvalidRequest.
func (c *Configs) Describe(
	ctx context.Context, r ConfigResource, keys []string, synonyms, documentation bool,
) ([]ConfigEntry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all, err := c.describe(r)
	if err != nil {
		return nil, err
	}
	wanted := all[:0]
	for _, e := range all {
		if len(keys) > 0 && !slices.Contains(keys, e.Name) {
			continue
		}
		if !synonyms {
			e.Synonyms = nil
		}
		if !documentation {
			e.Documentation = ""
		}
		wanted = append(wanted, e)
	}
	return wanted, nil
}

func (c *Configs) describe(r ConfigResource) ([]ConfigEntry, error) {
	switch r.Type {
	case metadata.ResourceTopic:
		return c.describeTopic(r.Name)
	case metadata.ResourceBroker:
		if r.Name == "" {
			return c.describeCluster(), nil
		}
		if err := c.checkNode(r.Name, "expected "+c.name+" or empty string, but received "); err != nil {
			return nil, err
		}
		return c.describeBroker(), nil
	case ResourceBrokerLogger:
		if r.Name == "" {
			return nil, fault.New(fault.InvalidRequest, "Broker id must not be empty")
		}
		if err := c.checkNode(r.Name, "expected "+c.name+" but received "); err != nil {
			return nil, err
		}
		return c.describeLoggers(), nil
	case metadata.ResourceClientMetrics:
		if r.Name == "" {
			return nil, fault.New(fault.InvalidRequest, "Client metrics subscription name must not be empty")
		}
		return c.describeOwned(configdef.ClientMetrics, r, SourceClientMetrics), nil
	case metadata.ResourceGroup:
		if r.Name == "" {
			return nil, fault.New(fault.InvalidRequest, "Group name must not be empty")
		}
		return c.describeOwned(configdef.Group, r, SourceGroup), nil
	default:
		return nil, fault.New(fault.InvalidRequest, "Unsupported resource type: %d", r.Type)
	}
}

// checkNode checks that name is this broker's id: only a broker itself knows its static configs.
func (c *Configs) checkNode(name, expected string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return fault.New(fault.InvalidRequest, "Broker id must be an integer, but it is: %s", name)
	}
	if int32(id) != c.nodeID {
		return fault.New(fault.InvalidRequest, "Unexpected broker id, %s%s", expected, name)
	}
	return nil
}

func (c *Configs) describeTopic(name string) ([]ConfigEntry, error) {
	if err := metadata.ValidateTopicName(name); err != nil {
		return nil, err
	}
	r := c.current()
	t, ok := r.img.Topic(name)
	if !ok {
		return nil, fault.UnknownTopicOrPartition
	}
	return c.describeOwn(r, configdef.Topic, t.Configs, SourceTopic), nil
}

// DescribeTopic returns all configs of a topic, without synonyms and documentation. The topic need not exist:
// CreateTopics answers with its configs even if it only validates the request.
func (c *Configs) DescribeTopic(t *metadata.Topic) []ConfigEntry {
	entries := c.describeOwn(c.current(), configdef.Topic, t.Configs, SourceTopic)
	for i := range entries {
		entries[i].Synonyms, entries[i].Documentation = nil, ""
	}
	return entries
}

// describeOwned describes a resource of which only the configs exist.
func (c *Configs) describeOwned(table *configdef.Table, of ConfigResource, source int8) []ConfigEntry {
	r := c.current()
	return c.describeOwn(r, table, r.img.Configs(of.Type, of.Name), source)
}

// describeOwn describes the configs of a resource, which inherits missing values from the broker.
func (c *Configs) describeOwn(
	r *resolvedConfigs, table *configdef.Table, own map[string]string, source int8,
) []ConfigEntry {
	entries := make([]ConfigEntry, 0, len(table.Keys()))
	for i := range table.Keys() {
		k := &table.Keys()[i]
		value := k.Default
		var synonyms []ConfigSynonym
		switch {
		case k.Broker != "":
			value = r.value(k.Broker).text
			b, _ := configdef.Broker.Key(k.Broker)
			synonyms = c.brokerSynonyms(r, b)
		case source == SourceGroup: // Kafka shows the default of these, but not of topic configs without a broker config
			synonyms = []ConfigSynonym{{Name: k.Name, Value: visible(k, k.Default), Source: SourceDefault}}
		}
		if text, ok := own[k.Name]; ok {
			value = k.Canonical(text)
			synonyms = append([]ConfigSynonym{{Name: k.Name, Value: &value, Source: source}}, synonyms...)
		}
		entries = append(entries, entry(k, &value, synonyms))
	}
	return entries
}

// describeBroker describes this broker's configs.
func (c *Configs) describeBroker() []ConfigEntry {
	r := c.current()
	entries := make([]ConfigEntry, 0, len(configdef.Broker.Keys()))
	for i := range configdef.Broker.Keys() {
		k := &configdef.Broker.Keys()[i]
		synonyms := c.brokerSynonyms(r, k)
		if k.Unlisted && (len(synonyms) == 0 || synonyms[0].Source == SourceDefault) {
			continue
		}
		v := r.effective(k)
		var value *string
		if v.parsed != nil {
			value = &v.text
		}
		entries = append(entries, brokerEntry(k, value, synonyms))
	}
	return append(entries, c.describeOthers(r, r.own, r.cluster, *r.static)...)
}

// describeCluster describes the dynamic configs for all brokers.
func (c *Configs) describeCluster() []ConfigEntry {
	r := c.current()
	var entries []ConfigEntry
	for i := range configdef.Broker.Keys() {
		k := &configdef.Broker.Keys()[i]
		text, ok := r.cluster[k.Name]
		if !ok {
			continue
		}
		shown := k.Canonical(text)
		entries = append(entries,
			brokerEntry(k, &shown, []ConfigSynonym{{Name: k.Name, Value: visible(k, text), Source: SourceDefaultBroker}}))
	}
	return append(entries, c.describeOthers(r, nil, r.cluster, nil)...)
}

// describeOthers describes configs at these levels with names that Kafka does not define. These are configs of single
// listeners, which have the types of those for all listeners, and unknown ones, whose values may be secrets.
func (c *Configs) describeOthers(r *resolvedConfigs, own, cluster, static map[string]string) []ConfigEntry {
	var entries []ConfigEntry
	byName := make(map[string]int) // index in entries
	for _, level := range []struct {
		set    map[string]string
		source int8
	}{{own, SourceBroker}, {cluster, SourceDefaultBroker}, {static, SourceStatic}} {
		for _, name := range slices.Sorted(maps.Keys(level.set)) {
			if _, defined := configdef.Broker.Key(name); defined {
				continue
			}
			e := ConfigEntry{Name: name, ReadOnly: true, Sensitive: true, Source: level.source}
			k, ofListener := configdef.ListenerKey(name)
			if ofListener {
				e.Type, e.Sensitive, e.Documentation = int8(k.Type), k.Sensitive(), k.Documentation()
			}
			if !e.Sensitive {
				text := k.Canonical(level.set[name])
				e.Value = &text
			}
			at, known := byName[name]
			if !known {
				at = len(entries)
				byName[name] = at
				entries = append(entries, e)
			}
			entries[at].Synonyms = append(entries[at].Synonyms, ConfigSynonym{Name: name, Value: e.Value, Source: level.source})
		}
	}
	for i := range entries {
		if k, ok := configdef.ListenerKey(entries[i].Name); ok && static != nil {
			entries[i].Synonyms = append(entries[i].Synonyms, c.brokerSynonyms(r, k)...)
		}
	}
	return entries
}

// brokerSynonyms returns all settings that k may get its value from, by precedence. Like Kafka it leaves out those
// before the first one with k's own name. A config whose value this broker decides has its default only.
func (c *Configs) brokerSynonyms(r *resolvedConfigs, k *configdef.Key) []ConfigSynonym {
	names := k.Synonyms
	if names == nil {
		names = []string{k.Name}
	}
	var synonyms []ConfigSynonym
	add := func(name string, value *string, source int8) {
		if len(synonyms) > 0 || name == k.Name {
			synonyms = append(synonyms, ConfigSynonym{Name: name, Value: value, Source: source})
		}
	}
	for _, level := range []struct {
		set    map[string]string
		source int8
	}{{r.own, SourceBroker}, {r.cluster, SourceDefaultBroker}, {*r.static, SourceStatic}} {
		if k.Decided {
			break
		}
		for _, name := range names {
			if text, ok := level.set[name]; ok {
				add(name, visible(k, text), level.source)
			}
		}
	}
	for _, name := range names {
		if unit, _ := configdef.Broker.Key(name); !unit.Null {
			add(name, visible(k, unit.Default), SourceDefault)
		}
	}
	return synonyms
}

// entry describes one config; its source is that of the first synonym.
func entry(k *configdef.Key, value *string, synonyms []ConfigSynonym) ConfigEntry {
	source := SourceDefault
	if len(synonyms) > 0 {
		source = synonyms[0].Source
	}
	if k.Sensitive() {
		value = nil
	}
	return ConfigEntry{
		Name: k.Name, Value: value, Default: source == SourceDefault, Source: source, Sensitive: k.Sensitive(),
		Type: int8(k.Type), Documentation: k.Documentation(), Synonyms: synonyms,
	}
}

func brokerEntry(k *configdef.Key, value *string, synonyms []ConfigSynonym) ConfigEntry {
	e := entry(k, value, synonyms)
	e.ReadOnly = k.Update == configdef.ReadOnly
	return e
}

// visible returns text unless it is secret.
func visible(k *configdef.Key, text string) *string {
	if k.Sensitive() {
		return nil
	}
	return &text
}

// Resources returns the names of the resources of type t that have configs, in order: all topics that are listed, all
// brokers (also for ResourceBrokerLogger), and the groups and client metrics subscriptions with configs of their own
// (KIP-1142). The error is fault.UnsupportedVersion for another type.
func (c *Configs) Resources(t metadata.ResourceType) ([]string, error) {
	img := c.store.Image()
	var names []string
	switch t {
	case metadata.ResourceTopic:
		for topic := range img.ListedTopics("") {
			names = append(names, topic.Name)
		}
	case metadata.ResourceBroker, ResourceBrokerLogger:
		for b := range img.Brokers() {
			names = append(names, strconv.Itoa(int(b.ID)))
		}
	case metadata.ResourceGroup, metadata.ResourceClientMetrics:
		names = slices.AppendSeq(names, img.ConfigResources(t))
	default:
		return nil, fault.New(fault.UnsupportedVersion, "Unknown resource type: %d", t)
	}
	return names, nil
}
