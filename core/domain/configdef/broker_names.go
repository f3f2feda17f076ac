package configdef

import (
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// listenerPrefix begins the names of configs for a single listener: listener.name.LISTENER.CONFIG.
const listenerPrefix = "listener.name."

// ofAllListeners are the configs for a single listener that Kafka also allows in the cluster-wide default.
var ofAllListeners = []string{"max.connections", "max.connection.creation.rate", "num.network.threads"}

// reconfigurable are the TLS configs that can be changed while Kafka runs, but for a single listener only.
var reconfigurable = []string{
	"ssl.keystore.type", "ssl.keystore.location", "ssl.keystore.password", "ssl.key.password",
	"ssl.keystore.certificate.chain", "ssl.keystore.key",
	"ssl.truststore.type", "ssl.truststore.location", "ssl.truststore.password", "ssl.truststore.certificates",
}

// ofMechanisms are the configs that a listener may have for each SASL mechanism. The mechanism's name comes before the
// config's.
var ofMechanisms = []string{
	"sasl.jaas.config", "sasl.login.callback.handler.class", "sasl.login.class", "sasl.server.callback.handler.class",
	"connections.max.reauth.ms",
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

// checkListenerConfig checks a config for a single listener by the rule of the config itself. Such configs have no
// effect on this broker. A limit is therefore refused, since it would not be enforced.
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

// updateOf returns how a broker's config, known or unknown, is updated.
func updateOf(name string) Update {
	if k, ok := Broker.Key(name); ok {
		return k.Update
	}
	if config, ok := forListener(name); ok && !slices.Contains(ofAllListeners, config) {
		return PerBroker
	}
	return ClusterWide
}
