package checkpoint

import (
	"fmt"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// FormatTopicID returns partition.metadata, which ties a directory to its topic's id (KIP-516).
func FormatTopicID(id metadata.TopicID) []byte {
	return fmt.Appendf(nil, "version: 0\ntopic_id: %s", id)
}

// ParseTopicID reads what FormatTopicID returns. Error: fault.CorruptMessage.
func ParseTopicID(content []byte) (metadata.TopicID, error) {
	for line := range strings.Lines(string(content)) {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), "topic_id: "); ok {
			return metadata.ParseTopicID(text)
		}
	}
	return metadata.TopicID{}, fault.New(fault.CorruptMessage, "partition.metadata names no topic id")
}
