package coordinator

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/internal/pause"
)

// follow gives up the partitions that this broker does not lead any more, and loads those that it begins to lead, so
// that deadlines pass even if no request comes.
func (r *Runtime[S, R]) follow(ctx context.Context) {
	var seen *metadata.Topic
	for img := range r.deps.Metadata.Watch(ctx) {
		topic, ok := img.Topic(r.machine.Topic)
		if topic == seen {
			continue
		}
		deleted := seen != nil && (!ok || topic.ID != seen.ID)
		seen = topic
		if deleted {
			r.outdateAll()
		}
		if ok && !r.followTopic(topic) {
			return
		}
	}
}

// outdateAll gives up what a deleted topic held: one that has its name now may have fewer partitions.
func (r *Runtime[S, R]) outdateAll() {
	for _, s := range r.known() {
		s.mu.Lock()
		s.outdate(-1)
		s.mu.Unlock()
	}
}

// followTopic gives up and loads the partitions of the topic as it is now. It reports false when Run has ended.
func (r *Runtime[S, R]) followTopic(topic *metadata.Topic) bool {
	for p := range topic.Partitions {
		s, epoch := r.shard(int32(p)), topic.Partitions[p].LeaderEpoch
		if s.begins(topic) && !r.Go(func(ctx context.Context) { s.lead(ctx, topic.ID, epoch) }) {
			return false
		}
	}
	return true
}

// begins gives up what the topic as it is now has outdated, and reports whether this broker begins to lead the
// partition.
func (s *shard[S, R]) begins(topic *metadata.Topic) bool {
	at := &topic.Partitions[s.partition]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outdate(at.LeaderEpoch)
	if topic.ID != s.topic || at.Leader != s.runtime.deps.NodeID || at.LeaderEpoch <= s.wanted {
		return false
	}
	s.wanted = at.LeaderEpoch
	return true
}

// lead loads the shard, trying again until it is loaded, another leader epoch begins, or the topic is deleted.
func (s *shard[S, R]) lead(ctx context.Context, id metadata.TopicID, epoch int32) {
	for ctx.Err() == nil && s.load(ctx) != nil {
		pause.For(ctx, loadPatience)
		topic, ok := s.runtime.deps.Metadata.Image().TopicByID(id)
		if !ok || topic.Partitions[s.partition].LeaderEpoch != epoch {
			return
		}
	}
}
