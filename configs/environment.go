package configs

import (
	"regexp"
	"slices"
	"strings"
)

// Environment variables are named after keys: CHRONIK_ and the key in capitals, with two underscores for each dot.
// After CHRONIK_KAFKA__ one underscore is a dot, because Kafka's keys have dots and no underscores:
//
//	CHRONIK_DATA_DIR                            data_dir
//	CHRONIK_LISTEN                              listen, several with commas between
//	CHRONIK_METADATA__WAL__SEGMENT_SIZE         metadata.wal.segment_size
//	CHRONIK_KAFKA__NUM_PARTITIONS               kafka.num.partitions
const envPrefix = "CHRONIK_"

// ConfigVariable names the configuration file when no flag does.
const ConfigVariable = envPrefix + "CONFIG"

// otherVariables are read by the project's tests and by Load's callers. They are not settings.
var otherVariables = []string{ConfigVariable, "CHRONIK_BINARY", "CHRONIK_CACHE", "CHRONIK_CRASHES"}

// Kubernetes and Docker set variables in every container beside a service named chronik, or chronik- and more, such as
// chronik-bootstrap and chronik-0: its name in capitals, with underscores for the hyphens, and one of several endings.
// CHRONIK_…_PORT might also be a mistyped setting, such as CHRONIK_HTTP_PORT, and is told from it by its value.
var (
	serviceVariables = regexp.MustCompile(
		`^CHRONIK_([A-Z0-9]+_)*(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	servicePort    = regexp.MustCompile(`^CHRONIK_([A-Z0-9]+_)*PORT$`)
	serviceAddress = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// isOfService reports whether the variable describes a service of Kubernetes or Docker.
func isOfService(name, value string) bool {
	return serviceVariables.MatchString(name) || servicePort.MatchString(name) && serviceAddress.MatchString(value)
}

// keyOfVariable returns the key that the variable sets, "" if it is not a setting.
func keyOfVariable(name, value string) string {
	if slices.Contains(otherVariables, name) || isOfService(name, value) {
		return ""
	}
	rest := strings.TrimPrefix(name, envPrefix)
	if key, ok := strings.CutPrefix(rest, "KAFKA__"); ok {
		return kafkaSection + "." + strings.ToLower(strings.ReplaceAll(key, "_", "."))
	}
	return strings.ToLower(strings.ReplaceAll(rest, "__", "."))
}

// variableOfKey returns the name of the variable that sets the key.
func variableOfKey(key string) string {
	if rest, ok := strings.CutPrefix(key, kafkaSection+"."); ok {
		return envPrefix + "KAFKA__" + strings.ToUpper(strings.ReplaceAll(rest, ".", "_"))
	}
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "__"))
}
