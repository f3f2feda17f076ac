package brokerconfigs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

var opNames = [...]string{"SET", "DELETE", "APPEND", "SUBTRACT"}

func unknownOp(op int8) error {
	return fault.New(fault.InvalidRequest, "Unknown operations type %d", op)
}

// Replace sets the resource's dynamic configs to exactly these (AlterConfigs). With validateOnly it only checks.
// Errors, with Kafka's messages: fault.InvalidRequest, InvalidConfig, InvalidTopic, UnknownTopicOrPartition.
func (c *Configs) Replace(ctx context.Context, r ConfigResource, configs map[string]*string, validateOnly bool) error {
	var null []string
	set := make(map[string]string, len(configs))
	for _, key := range slices.Sorted(maps.Keys(configs)) {
		if value := configs[key]; value != nil {
			set[key] = *value
		} else {
			null = append(null, key)
		}
	}
	if err := refuseNull(null); err != nil {
		return err
	}
	if err := c.checkAlterable(r); err != nil {
		return err
	}
	cmd := metadata.AlterConfigs{Type: r.Type, Name: r.Name, Replace: true, Set: set}
	return c.alter(ctx, cmd, set, validateOnly)
}

// Alter changes single configs (IncrementalAlterConfigs, KIP-339): all of them or none. With validateOnly it only
// checks. Errors, with Kafka's messages: fault.InvalidRequest, InvalidConfig, InvalidTopic, UnknownTopicOrPartition.
func (c *Configs) Alter(ctx context.Context, r ConfigResource, ops []ConfigOp, validateOnly bool) error {
	if err := checkOps(ops); err != nil {
		return err
	}
	if r.Type == ResourceBrokerLogger {
		if err := c.checkOwnID(r.Name, "Unexpected node id. Expected %s, but received %s"); err != nil {
			return err
		}
		return c.alterLoggers(ops, validateOnly)
	}
	if err := c.checkAlterable(r); err != nil {
		return err
	}
	for {
		err := c.tryAlter(ctx, r, ops, validateOnly)
		if !errors.Is(err, fault.InvalidUpdateVersion) {
			return err
		}
		if err := c.store.Barrier(ctx); err != nil { // there was another change before, perhaps on another broker
			return err
		}
	}
}

// tryAlter carries out ops against the configs that this node knows. Error, besides those of Alter:
// fault.InvalidUpdateVersion when there are newer ones.
func (c *Configs) tryAlter(ctx context.Context, r ConfigResource, ops []ConfigOp, validateOnly bool) error {
	old := c.store.Image().Configs(r.Type, r.Name)
	cmd := metadata.AlterConfigs{Type: r.Type, Name: r.Name, Set: make(map[string]string), Against: true, Seen: old}
	for _, op := range ops {
		switch op.Op {
		case OpSet:
			cmd.Set[op.Name] = *op.Value
		case OpDelete:
			cmd.Delete = append(cmd.Delete, op.Name)
		case OpAppend, OpSubtract:
			value, err := listChange(r.Type, op, old)
			if err != nil {
				return err
			}
			cmd.Set[op.Name] = value
		default:
			return unknownOp(op.Op)
		}
	}
	after := maps.Clone(old)
	if after == nil {
		after = make(map[string]string)
	}
	maps.Copy(after, cmd.Set)
	for _, key := range cmd.Delete {
		delete(after, key)
	}
	return c.alter(ctx, cmd, after, validateOnly)
}

func checkOps(ops []ConfigOp) error {
	var null []string
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if seen[op.Name] {
			return fault.New(fault.InvalidRequest, "Error due to duplicate config keys")
		}
		seen[op.Name] = true
		if op.Op != OpDelete && op.Value == nil {
			null = append(null, op.Name)
		}
	}
	return refuseNull(null)
}

func refuseNull(keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return fault.New(fault.InvalidRequest, "Null value not supported for : %s", strings.Join(keys, ", "))
}

// checkAlterable checks that the metadata keeps configs of resources of this kind, and if the resource is a broker,
// that it is this one.
func (c *Configs) checkAlterable(r ConfigResource) error {
	switch r.Type {
	case metadata.ResourceTopic, metadata.ResourceGroup, metadata.ResourceClientMetrics:
		return nil
	case metadata.ResourceBroker:
		if r.Name == "" {
			return nil
		}
		return c.checkOwnID(r.Name, "Unexpected broker id, expected %s, but received %s")
	default:
		return fault.New(fault.InvalidRequest, "Unknown resource type %d", r.Type)
	}
}

// checkOwnID checks that name is this broker's id. unexpected is the message for another broker's id.
func (c *Configs) checkOwnID(name, unexpected string) error {
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return fault.New(fault.InvalidRequest, "Node id must be an integer, but it is: %s", name)
	}
	if int32(id) != c.nodeID {
		return fault.New(fault.InvalidRequest, unexpected, c.name, name)
	}
	return nil
}

// listChange returns the list that results when op's elements are added to or removed from the list that is set, or
// else from the default.
func listChange(t metadata.ResourceType, op ConfigOp, old map[string]string) (string, error) {
	k, ok := tableOf(t).Key(op.Name)
	if !ok || k.Type != configdef.List {
		if t == metadata.ResourceBroker {
			return "", fault.New(fault.InvalidConfig, "Config value %s is not allowed for config key: %s",
				strings.ToLower(opNames[op.Op]), op.Name)
		}
		return "", fault.New(fault.InvalidConfig, "Can't %s to key %s because its type is not LIST.", opNames[op.Op], op.Name)
	}
	text, ok := old[op.Name]
	if !ok {
		text = k.Default
	}
	list := slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
	for element := range strings.SplitSeq(*op.Value, ",") {
		at := slices.Index(list, element)
		switch {
		case op.Op == OpAppend && at < 0:
			list = append(list, element)
		case op.Op == OpSubtract && at >= 0:
			list = slices.Delete(list, at, at+1)
		}
	}
	return strings.Join(list, ","), nil
}

func tableOf(t metadata.ResourceType) *configdef.Table {
	switch t {
	case metadata.ResourceTopic:
		return configdef.Topic
	case metadata.ResourceBroker:
		return configdef.Broker
	case metadata.ResourceGroup:
		return configdef.Group
	default:
		return configdef.ClientMetrics
	}
}

// alter carries out cmd, after which the resource has the configs after, or only checks it.
func (c *Configs) alter(
	ctx context.Context, cmd metadata.AlterConfigs, after map[string]string, validateOnly bool,
) error {
	if err := metadata.ValidateResourceName(cmd.Type, cmd.Name); err != nil {
		return err
	}
	if err := c.checkConfigs(cmd, after); err != nil {
		return err
	}
	if validateOnly {
		_, _, err := metadata.Apply(c.store.Image(), cmd)
		return err
	}
	if _, err := c.store.Apply(ctx, cmd); err != nil {
		return err
	}
	c.notice.give(ctx, tableOf(cmd.Type), cmd.Set)
	return nil
}

// checkConfigs checks what the metadata cannot check, because it depends on the broker's static configs.
func (c *Configs) checkConfigs(cmd metadata.AlterConfigs, after map[string]string) error {
	r := c.current()
	switch cmd.Type {
	case metadata.ResourceTopic:
		if err := configdef.ValidateTopicConfigs(cmd.Set); err != nil {
			return err
		}
		return r.checkTopic(after)
	case metadata.ResourceGroup:
		if err := configdef.ValidateGroupConfigs(cmd.Set); err != nil {
			return err
		}
		return configdef.ConflictOfGroup(func(key string) int64 { return r.groupInt(after, key) }, r.int)
	case metadata.ResourceBroker:
		if err := configdef.ValidateBrokerConfigs(cmd.Set, cmd.Name != ""); err != nil {
			return err
		}
		own, cluster := after, r.cluster
		if cmd.Name == "" {
			own, cluster = r.own, after
		}
		return configdef.ConflictOfBroker(c.resolve(own, cluster).int)
	default:
		return configdef.ValidateClientMetricsConfigs(cmd.Set)
	}
}

// CheckTopic checks that the effective configs of a topic with these configs of its own are consistent. Each of them
// must be valid by itself.
func (c *Configs) CheckTopic(own map[string]string) error { return c.current().checkTopic(own) }

func (r *resolvedConfigs) checkTopic(own map[string]string) error {
	return configdef.ConflictOfTopic(func(key string) string { return configdef.Format(r.topicValue(own, key)) })
}

// groupInt returns the effective value of a group's integer config.
func (r *resolvedConfigs) groupInt(own map[string]string, key string) int64 {
	k, _ := configdef.Group.Key(key) // the callers name configs that exist
	if text, ok := own[key]; ok {
		if value, err := k.Parse(text); err == nil { // configs in the metadata were checked, perhaps by another version
			return value.(int64)
		}
	}
	return r.int(k.Broker)
}
