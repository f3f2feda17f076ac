package metadata

import (
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// maxTopicName is the longest topic name, so that a directory named for a partition fits a file system.
const maxTopicName = 249

// ValidateTopicName returns a fault.InvalidTopic, with Kafka's message, for a name that no topic may have.
func ValidateTopicName(name string) error {
	var reason string
	switch {
	case name == "":
		reason = "the empty string is not allowed"
	case name == "." || name == "..":
		reason = fmt.Sprintf("'%s' is not allowed", name)
	case len(name) > maxTopicName:
		reason = fmt.Sprintf("the length of '%s' is longer than the max allowed length %d", name, maxTopicName)
	case !hasLegalChars(name):
		reason = fmt.Sprintf("'%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
			name)
	default:
		return nil
	}
	return fault.New(fault.InvalidTopic, "Topic name is invalid: %s", reason)
}

func hasLegalChars(name string) bool {
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
