package configdef

import (
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// listenerPrefix begins the names of configs for a single listener: listener.name.LISTENER.CONFIG.
const listenerPrefix = "listener.name."

// ofAllListeners are the configs that Kafka lets the cluster's default set for a single listener.
var ofAllListeners = []string{"max.connections", "max.connection.creation.rate", "num.network.threads"}

// reconfigurable are the configs of TLS that Kafka takes while it runs for a single listener only.
var reconfigurable = []string{
	"ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password", "ssl.keystore.certificate.chain", "ssl.keystore.key",
	"ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password", "ssl.truststore.certificates",
}

// ofMechanisms are the configs that listeners may have one of for each SASL mechanism, whose name comes before.
var ofMechanisms = []string{
	"sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class", "sasl.server.callback.handler.class", "connections.max.reauth.ms",
}

// forListener returns the name of the config that name sets for a single listener.
func forListener(name string) (config string, ok bool) {
	rest, ok := strings.CutPrefix(name, listenerPrefix)
	_, config, found := strings.Cut(rest, ".")
	return config, ok && found && config != ""
}

// ListenerKey returns the definition of the config that name, listener.name.LISTENER.CONFIG or
// listener.name.LISTENER.MECHANISM.CONFIG, sets for a single listener.
func ListenerKey(name string) (*Key, bool) {
	config, ok := forListener(name)
	if !ok {
		return nil, false
	}
	for _, of := range ofMechanisms {
		if strings.HasSuffix(config, "."+of) {
			config = of
		}
	}
	return Broker.Key(config)
}

// checkListenerConfig checks a config for a single listener, of which there is none here that has an effect. The rule
// is that of the config itself; a limit is refused, which would not be kept.
func checkListenerConfig(name, value string) error {
	k, known := ListenerKey(name)
	if !known {
		return nil
	}
	if err := k.Check(value); err != nil {
		return fault.New(fault.InvalidRequest, "%s", err)
	}
	if k.Use != Shown && slices.Contains(ofAllListeners, k.Name) {
		return fault.New(fault.InvalidRequest, "This broker has no limits of single listeners: set %s", k.Name)
	}
	return nil
}

// updateOf returns how a broker's config is updated, whose name need not be known.
func updateOf(name string) Update {
	if k, ok := Broker.Key(name); ok {
		return k.Update
	}
	if config, ok := forListener(name); ok && !slices.Contains(ofAllListeners, config) {
		return PerBroker
	}
	return ClusterWide
}
