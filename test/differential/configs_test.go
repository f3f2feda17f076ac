package differential

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The types of resources that have configs.
const (
	unknownResource = kmsg.ConfigResourceType(0)
	topicResource   = kmsg.ConfigResourceTypeTopic
	brokerResource  = kmsg.ConfigResourceTypeBroker
	loggerResource  = kmsg.ConfigResourceTypeBrokerLogger
	metricsResource = kmsg.ConfigResourceType(16)
	groupResource   = kmsg.ConfigResourceType(32)
	newerResource   = kmsg.ConfigResourceType(99)
)

// The operations of IncrementalAlterConfigs.
const (
	set = kmsg.IncrementalAlterConfigOp(iota)
	remove
	add
	subtract
)

func describeConfigs(kind kmsg.ConfigResourceType, name string, keys []string,
	edit ...func(*kmsg.DescribeConfigsRequest),
) builder {
	return ask(kmsg.NewPtrDescribeConfigsRequest, func(_ *world, req *kmsg.DescribeConfigsRequest) {
		req.IncludeSynonyms = true
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName, r.ConfigNames = kind, name, keys
		req.Resources = append(req.Resources, r)
		for _, e := range edit {
			e(req)
		}
	})
}

// replaceConfigs replaces all configs of a resource, given as name, value, name, value …
func replaceConfigs(kind kmsg.ConfigResourceType, name string, pairs ...string) builder {
	return ask(kmsg.NewPtrAlterConfigsRequest, func(_ *world, req *kmsg.AlterConfigsRequest) {
		r := kmsg.NewAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kind, name
		for i := 0; i < len(pairs); i += 2 {
			r.Configs = append(r.Configs, kmsg.AlterConfigsRequestResourceConfig{Name: pairs[i], Value: &pairs[i+1]})
		}
		req.Resources = append(req.Resources, r)
	})
}

func alterConfig(kind kmsg.ConfigResourceType, name, key string, op kmsg.IncrementalAlterConfigOp, value string,
	edit ...func(*kmsg.IncrementalAlterConfigsRequest),
) builder {
	return ask(kmsg.NewPtrIncrementalAlterConfigsRequest, func(_ *world, req *kmsg.IncrementalAlterConfigsRequest) {
		r := kmsg.NewIncrementalAlterConfigsRequestResource()
		r.ResourceType, r.ResourceName = kind, name
		r.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: key, Op: op, Value: &value}}
		req.Resources = append(req.Resources, r)
		for _, e := range edit {
			e(req)
		}
	})
}

func onlyValidate(r *kmsg.IncrementalAlterConfigsRequest) { r.ValidateOnly = true }

func nullValue(r *kmsg.IncrementalAlterConfigsRequest) { r.Resources[0].Configs[0].Value = nil }

func keyTwice(r *kmsg.IncrementalAlterConfigsRequest) {
	r.Resources[0].Configs = append(r.Resources[0].Configs, r.Resources[0].Configs[0])
}

func resourceTwice(r *kmsg.IncrementalAlterConfigsRequest) {
	r.Resources = append(r.Resources, r.Resources[0])
}

func listResources(types ...int8) builder {
	return ask(kmsg.NewPtrListConfigResourcesRequest, func(_ *world, r *kmsg.ListConfigResourcesRequest) {
		r.ResourceTypes = types
	})
}

// changes are the same changes of a resource of each type.
func changes(name string, kind kmsg.ConfigResourceType, resource, key, value, bad string) []step {
	named := func(what string) string { return name + ": " + what }
	return []step{
		on(named("describe"), 1, 4, describeConfigs(kind, resource, nil)),
		on(named("describe one"), 1, 4, describeConfigs(kind, resource, []string{key})),
		on(named("replace"), 0, 2, replaceConfigs(kind, resource, key, value)),
		on(named("replace by an unknown one"), 0, 2, replaceConfigs(kind, resource, "no.such", value)),
		on(named("replace by a bad value"), 0, 2, replaceConfigs(kind, resource, key, bad)),
		on(named("set"), 0, 1, alterConfig(kind, resource, key, set, value)),
		on(named("set an unknown one"), 0, 1, alterConfig(kind, resource, "no.such", set, value)),
		on(named("set a bad value"), 0, 1, alterConfig(kind, resource, key, set, bad)),
		on(named("set null"), 0, 1, alterConfig(kind, resource, key, set, "", nullValue)),
		on(named("set twice at once"), 0, 1, alterConfig(kind, resource, key, set, value, keyTwice)),
		on(named("set a resource twice at once"), 0, 1, alterConfig(kind, resource, key, set, value, resourceTwice)),
		on(named("append"), 0, 1, alterConfig(kind, resource, key, add, value)),
		on(named("describe what was set"), 1, 4, describeConfigs(kind, resource, []string{key})),
		on(named("validate a removal"), 0, 1, alterConfig(kind, resource, key, remove, "", onlyValidate)),
		on(named("remove"), 0, 1, alterConfig(kind, resource, key, remove, "")),
		on(named("remove an unknown one"), 0, 1, alterConfig(kind, resource, "no.such", remove, "")),
		on(named("replace by nothing"), 0, 2, replaceConfigs(kind, resource)),
		on(named("describe at the end"), 4, 4, describeConfigs(kind, resource, []string{key})),
	}
}

// idle are changes of a broker's configs that have no effect here, and none in Kafka when all listeners are PLAINTEXT
// and there is no tiered storage.
func idle(pairs ...string) (steps []step) {
	for i := 0; i < len(pairs); i += 2 {
		key, value := pairs[i], pairs[i+1]
		for _, resource := range []string{"1", ""} {
			name := fmt.Sprintf("idle: %s = %s of broker %q", key, value, resource)
			steps = append(steps,
				on(name, 1, 1, alterConfig(brokerResource, resource, key, set, value)),
				on(name+", described", 4, 4, describeConfigs(brokerResource, resource, []string{key})),
				on(name+", removed", 1, 1, alterConfig(brokerResource, resource, key, remove, "")))
		}
	}
	return steps
}

var configSteps = slices.Concat(made("cfg", 1, "retention.bytes", "1000000"), []step{
	on("describe some keys", 1, 4, describeConfigs(topicResource, "cfg", []string{
		"retention.ms", "no.such",
		"cleanup.policy",
	})),
	on("describe no keys", 1, 4, describeConfigs(topicResource, "cfg", []string{})),
	on("describe without synonyms", 1, 4, describeConfigs(topicResource, "cfg", nil, func(r *kmsg.DescribeConfigsRequest) {
		r.IncludeSynonyms = false
	})),
	on("describe two at once", 1, 4, describeConfigs(topicResource, "cfg", []string{"retention.ms"},
		func(r *kmsg.DescribeConfigsRequest) {
			r.Resources = append(r.Resources, r.Resources[0])
		})),
	on("describe nothing", 1, 4, describeConfigs(topicResource, "cfg", nil, func(r *kmsg.DescribeConfigsRequest) {
		r.Resources = nil
	})),
	on("describe an internal topic's", 1, 4, describeConfigs(topicResource, "__cluster_metadata", nil)),
	on("append to a list", 0, 1, alterConfig(topicResource, "cfg", "cleanup.policy", add, "compact")),
	on("describe the list", 4, 4, describeConfigs(topicResource, "cfg", []string{"cleanup.policy"})),
	on("subtract from a list", 0, 1, alterConfig(topicResource, "cfg", "cleanup.policy", subtract, "delete")),
	on("describe the shorter list", 4, 4, describeConfigs(topicResource, "cfg", []string{"cleanup.policy"})),
	on("set both retentions wrongly", 0, 1, alterConfig(topicResource, "cfg", "local.retention.ms", set,
		"99999999999999")),
},
	changes("topic", topicResource, "cfg", "retention.ms", "60000", "soon"),
	changes("unknown topic", topicResource, "nowhere", "retention.ms", "60000", "soon"),
	changes("invalid topic", topicResource, "a/b", "retention.ms", "60000", "soon"),
	changes("broker", brokerResource, "1", "log.cleaner.threads", "2", "many"),
	changes("all brokers", brokerResource, "", "log.retention.ms", "86400000", "soon"),
	changes("other broker", brokerResource, "7", "log.cleaner.threads", "2", "many"),
	changes("unparsable broker", brokerResource, "x", "log.cleaner.threads", "2", "many"),
	changes("logger", loggerResource, "1", "org.apache.kafka", "INFO", "LOUD"),
	changes("other logger", loggerResource, "7", "org.apache.kafka", "INFO", "LOUD"),
	changes("group", groupResource, "readers-of-cfg", "consumer.session.timeout.ms", "50000", "soon"),
	changes("nameless group", groupResource, "", "consumer.session.timeout.ms", "50000", "soon"),
	changes("client metrics", metricsResource, "sub", "interval.ms", "1000", "soon"),
	idle(
		"ssl.keystore.location", "/x", "ssl.keystore.password", "p", "ssl.client.auth", "required", "ssl.client.auth", "x",
		"ssl.protocol", "TLS",
		"sasl.kerberos.min.time.before.relogin", "10", "sasl.kerberos.min.time.before.relogin", "-10", "sasl.jaas.config",
		"x", "sasl.enabled.mechanisms", "PLAIN",
		"sasl.login.refresh.window.factor", "7", "sasl.login.refresh.buffer.seconds", "99999",
		"sasl.mechanism.inter.broker.protocol", "PLAIN",
		"remote.fetch.max.wait.ms", "7", "remote.fetch.max.wait.ms", "0", "remote.log.reader.threads", "6",
		"follower.fetch.last.tiered.offset.enable", "true", "remote.log.index.file.cache.total.size.bytes", "4",
		"listener.name.out.ssl.keystore.location", "/x", "listener.name.out.ssl.client.auth", "x",
		"listener.name.out.sasl.enabled.mechanisms", "PLAIN",
		"listener.name.out.foo", "1", "listener.name.out.plain.sasl.jaas.config", "x", "listener.name.out.max.connections",
		"-9",
		"listener.name.out", "1", "my.plugin.url", "x",
	),
	changes("nameless client metrics", metricsResource, "", "interval.ms", "1000", "soon"),
	changes("unknown type", unknownResource, "x", "a", "b", "c"),
	changes("newer type", newerResource, "x", "a", "b", "c"),
	[]step{
		on("a static broker config", 0, 1, alterConfig(brokerResource, "1", "log.dirs", set, "/tmp")),
		on("keep a group's", 1, 1, alterConfig(groupResource, "kept-group", "consumer.session.timeout.ms", set, "50000")),
		on("keep client metrics", 1, 1, alterConfig(metricsResource, "kept-sub", "interval.ms", set, "1000")),
		on("resources", 0, 0, listResources()),
		on("groups", 1, 1, listResources(int8(groupResource))),
		on("client metrics", 1, 1, listResources(int8(metricsResource))),
		on("brokers and loggers", 1, 1, listResources(int8(brokerResource), int8(loggerResource))),
		on("groups twice", 1, 1, listResources(int8(groupResource), int8(groupResource))),
		on("a type that is not", 1, 1, listResources(99)),
		on("a known type and one that is not", 1, 1, listResources(int8(groupResource), 99)),
		// Kafka's controller takes this for a bug of its own and steps down, so it comes last.
		on("an unknown operation", 1, 1, alterConfig(topicResource, "cfg", "retention.ms", 9, "1")),
		on("the controller is back", 1, 1, alterConfig(topicResource, "cfg", "retention.ms", set,
			"2")).until(func(resp kmsg.Response) bool {
			return resp.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode == 0
		}),
	})
