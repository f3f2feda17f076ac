package configdef

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ClientMetrics is the configs of a client metrics subscription (KIP-714).
var ClientMetrics = newTable(clientMetricsKeys)

var clientMetricsKeys = []Key{
	{
		Name: "interval.ms",
		Type: Int, Default: "300000",
		Use: Shown,
		Doc: "The interval, in milliseconds, at which clients push their metrics: 100 to 3600000.",
	},
	{
		Name: "match",
		Type: List, Default: "",
		Use: Shown,
		Doc: "The clients that the subscription is for, as name=regular expression. The names are " +
			"client_instance_id, client_id, client_software_name, client_software_version, client_source_address " +
			"and client_source_port. Empty: all clients.",
	},
	{
		Name: "metrics",
		Type: List, Default: "",
		Use: Shown,
		Doc: "The beginnings of the names of the metrics that clients push; * stands for all of them.",
	},
}

// The bounds of interval.ms (KIP-714).
const (
	minPushInterval = 100
	maxPushInterval = 3_600_000
)

// ValidateClientMetrics returns a fault, with Kafka's message, when no client metrics subscription may have the value:
// fault.InvalidRequest for an unknown key and an interval out of bounds, otherwise fault.InvalidConfig.
func ValidateClientMetrics(key, value string) error {
	k, ok := ClientMetrics.Key(key)
	if !ok {
		return fault.New(fault.InvalidRequest, "Unknown client metrics configuration: %s", key)
	}
	if err := k.Check(value); err != nil {
		return err
	}
	parsed, _ := k.Parse(value) // checked
	switch key {
	case "interval.ms":
		if n := parsed.(int64); n < minPushInterval || n > maxPushInterval {
			return fault.New(fault.InvalidRequest,
				"Invalid value %d for interval.ms, interval must be between 100 and 3600000 (1 hour)", n)
		}
	case "match":
		for _, pattern := range parsed.([]string) {
			if !validMatch(pattern) {
				return fault.New(fault.InvalidConfig, "Illegal client matching pattern: %s", pattern)
			}
		}
	}
	return nil
}

// ValidateClientMetricsConfigs checks a subscription's own configs.
func ValidateClientMetricsConfigs(own map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(own)) {
		if err := ValidateClientMetrics(name, own[name]); err != nil {
			return err
		}
	}
	return nil
}

var matchNames = []string{
	"client_instance_id", "client_id", "client_software_name", "client_software_version", "client_source_address",
	"client_source_port",
}

func validMatch(pattern string) bool {
	name, expression, ok := strings.Cut(pattern, "=")
	if !ok || expression == "" || strings.Contains(expression, "=") ||
		!slices.Contains(matchNames, strings.TrimSpace(name)) {
		return false
	}
	_, err := regexp.Compile(strings.TrimSpace(expression))
	return err == nil
}
