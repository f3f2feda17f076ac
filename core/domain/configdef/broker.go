package configdef

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Broker is the configs of a broker.
var Broker = newTable(
	brokerClusterKeys, brokerNetworkKeys, brokerLogKeys, brokerGroupKeys, brokerShareKeys, brokerTransactionKeys,
	brokerReplicationKeys, brokerQuorumKeys, brokerSecurityKeys, brokerTLSKeys, brokerRemoteKeys, brokerMetricsKeys,
)

// The configs that mean the same in different units, the most specific first.
var (
	retentionTimes = []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"}
	rollTimes      = []string{"log.roll.ms", "log.roll.hours"}
	rollJitters    = []string{"log.roll.jitter.ms", "log.roll.jitter.hours"}
	flushIntervals = []string{"log.flush.interval.ms", "log.flush.scheduler.interval.ms"}
)

// ValidateBroker returns a fault when no broker may be started with the value: fault.InvalidRequest with Kafka's
// message (KAFKA-13609: not InvalidConfig), and fault.InvalidConfig for an unknown key, which Kafka ignores. Configs
// for single listeners are known.
func ValidateBroker(key, value string) error {
	k, ok := Broker.Key(key)
	switch {
	case !ok && strings.HasPrefix(key, listenerPrefix):
		return checkListenerConfig(key, value)
	case !ok:
		return fault.New(fault.InvalidConfig, "Unknown broker config name: %s", key)
	}
	if err := k.Check(value); err != nil {
		return fault.New(fault.InvalidRequest, "%s", err)
	}
	return nil
}

// ValidateBrokerConfigs checks a broker's, or with perBroker false the cluster's default, dynamic configs: each
// value, and that it may be set there while brokers run. As in Kafka, which keeps them for its plug-ins,
// unknown names are allowed.
func ValidateBrokerConfigs(configs map[string]string, perBroker bool) error {
	names := slices.Sorted(maps.Keys(configs))
	if fixed := withUpdate(names, ReadOnly); len(fixed) > 0 {
		return fault.New(fault.InvalidRequest, "Cannot update these configs dynamically: %s", bracketed(fixed))
	}
	bare := slices.DeleteFunc(slices.Clone(names),
		func(name string) bool { return !slices.Contains(reconfigurable, name) })
	if len(bare) > 0 {
		return fault.New(fault.InvalidRequest,
			"These security configs can be dynamically updated only per-listener using the listener prefix: %s",
			bracketed(bare))
	}
	for _, name := range names {
		if err := ValidateBroker(name, configs[name]); err != nil && !errors.Is(err, fault.InvalidConfig) {
			return err
		}
	}
	if own := withUpdate(names, PerBroker); len(own) > 0 && !perBroker {
		return fault.New(fault.InvalidRequest,
			"Cannot update these configs at default cluster level, broker id must be specified: %s", bracketed(own))
	}
	return nil
}

// Decided returns the value that this broker uses for a config that it decides by itself. It is defined here only, so
// that tools are shown the value in use. It panics if the config is not Decided or not an integer.
func Decided(name string) int64 {
	k, ok := Broker.Key(name)
	if !ok || !k.Decided {
		panic("this broker does not decide " + name) // a programming error
	}
	value, err := k.Parse(k.Default)
	if err != nil {
		panic(err)
	}
	return value.(int64)
}

// withUpdate returns the names of the configs that are updated in that way.
func withUpdate(names []string, u Update) []string {
	var with []string
	for _, name := range names {
		if updateOf(name) == u {
			with = append(with, name)
		}
	}
	return with
}

// bracketed lists names as Java prints a set.
func bracketed(names []string) string { return "[" + strings.Join(names, ", ") + "]" }
