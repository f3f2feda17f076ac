package replicas

import (
	"maps"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// mostEarlyTopics bounds the topics of which early refusals are remembered: clients may name any topic.
const mostEarlyTopics = 1024

// earlyRefusals are the topics of which batches were refused because this broker did not know the topic, or the
// partition, yet. A producer learns of a new topic from any broker, and the broker that leads it may be the last one to
// know. The batches behind, which are under way already, may arrive when it does, and must not become the first ones:
// see Partition.gapBefore. A partition that is opened within gapPatience expects the refused ones.
type earlyRefusals struct {
	mu    sync.Mutex
	until map[earlyTopic]time.Duration // in replica time
}

// earlyTopic is a topic as a request names it: by name or by id.
type earlyTopic struct {
	name string
	id   metadata.TopicID
}

// note records a refusal. When too many topics are remembered, it does nothing.
func (e *earlyRefusals) note(t earlyTopic, now time.Duration) {
	if t.name != "" && metadata.ValidateTopicName(t.name) != nil {
		return // there will never be such a topic
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.until == nil {
		e.until = make(map[earlyTopic]time.Duration)
	}
	if len(e.until) >= mostEarlyTopics {
		maps.DeleteFunc(e.until, func(_ earlyTopic, until time.Duration) bool { return until <= now })
	}
	if _, known := e.until[t]; known || len(e.until) < mostEarlyTopics {
		e.until[t] = now + gapPatience
	}
}

// expects reports whether batches of a topic were refused within gapPatience.
func (e *earlyRefusals) expects(name string, id metadata.TopicID, now time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now < max(e.until[earlyTopic{name: name}], e.until[earlyTopic{id: id}])
}
