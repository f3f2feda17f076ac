package metadata

import (
	"maps"
	"slices"
	"strconv"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

func alterConfigs(img *Image, cmd AlterConfigs) (*Image, Result, error) {
	if err := checkResource(img, cmd.Type, cmd.Name); err != nil {
		return nil, Result{}, err
	}
	for _, key := range cmd.Delete {
		if _, both := cmd.Set[key]; both {
			return nil, Result{}, fault.New(fault.InvalidRequest, "config %s is both set and deleted", key)
		}
	}
	if cmd.Against && !maps.Equal(cmd.Seen, img.Configs(cmd.Type, cmd.Name)) {
		return nil, Result{}, fault.New(fault.InvalidUpdateVersion, "the configs of %s %s were changed meanwhile",
			cmd.Type, cmd.Name)
	}
	set := make(map[string]string, len(cmd.Set))
	if !cmd.Replace {
		maps.Copy(set, img.Configs(cmd.Type, cmd.Name))
	}
	maps.Copy(set, cmd.Set)
	for _, key := range cmd.Delete {
		delete(set, key)
	}
	if err := validateConfigs(cmd.Type, cmd.Name, set); err != nil {
		return nil, Result{}, err
	}
	if len(set) == 0 {
		set = nil
	}
	return img.withConfigs(cmd.Type, cmd.Name, set), Result{}, nil
}

// withConfigs returns a copy of i in which the resource has the configs in set, nil for none. The resource must exist.
func (i *Image) withConfigs(t ResourceType, name string, set map[string]string) *Image {
	if topic, ok := i.Topic(name); ok && t == ResourceTopic {
		changed := *topic
		changed.Configs = set
		return i.withTopic(&changed)
	}
	next := *i
	if set == nil {
		next.configs = i.configs.remove(configKey(t, name))
	} else {
		next.configs = i.configs.set(configKey(t, name), set)
	}
	return &next
}

// checkResource checks that configs may be set for the resource, with Kafka's messages.
func checkResource(img *Image, t ResourceType, name string) error {
	if err := checkText(name); err != nil {
		return err
	}
	if err := ValidateResourceName(t, name); err != nil {
		return err
	}
	switch t {
	case ResourceTopic:
		if _, ok := img.Topic(name); !ok {
			return fault.New(fault.UnknownTopicOrPartition, "The topic '%s' does not exist.", name)
		}
	case ResourceBroker:
		return checkBrokerName(img, name)
	case ResourceGroup, ResourceClientMetrics: // need not exist
	}
	return nil
}

// ValidateResourceName checks that a resource of that type, whether it exists or not, may have the name, with Kafka's
// messages: fault.InvalidRequest, InvalidTopic. Kafka checks the name before the configs.
func ValidateResourceName(t ResourceType, name string) error {
	switch t {
	case ResourceTopic:
		if name == "" {
			return fault.New(fault.InvalidRequest, "Default topic resources are not allowed.")
		}
		return ValidateTopicName(name)
	case ResourceBroker:
	case ResourceClientMetrics:
		if name == "" {
			return fault.New(fault.InvalidRequest, "Subscription name can't be empty")
		}
	case ResourceGroup:
		if name == "" {
			return fault.New(fault.InvalidRequest, "Default group resources are not allowed.")
		}
	default:
		return fault.New(fault.InvalidRequest, "Unknown resource type %d", t)
	}
	return nil
}

func checkBrokerName(img *Image, name string) error {
	if name == "" {
		return nil // the cluster-wide default
	}
	id, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return fault.New(fault.InvalidRequest, "Unable to parse broker name as a base 10 number.")
	}
	if id < 0 {
		return fault.New(fault.InvalidRequest, "Invalid negative broker ID.")
	}
	if _, ok := img.Broker(int32(id)); !ok {
		return fault.New(fault.BrokerIDNotRegistered, "No node with id %d found.", id)
	}
	return nil
}

// validateConfigs checks the configs that are set for a resource. checkResource must have accepted the resource.
func validateConfigs(t ResourceType, name string, set map[string]string) error {
	keys := slices.Sorted(maps.Keys(set)) // in order, so that every node names the same key
	for _, key := range keys {
		if err := checkText(key, set[key]); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	switch t {
	case ResourceTopic:
		return configdef.ValidateTopicConfigs(set)
	case ResourceBroker:
		return configdef.ValidateBrokerConfigs(set, name != "")
	case ResourceGroup:
		return configdef.ValidateGroupConfigs(set)
	default:
		return configdef.ValidateClientMetricsConfigs(set)
	}
}
