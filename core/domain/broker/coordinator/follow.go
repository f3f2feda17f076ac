package coordinator

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/internal/pause"
)

// follow unloads the partitions that this broker does not lead any more. It loads those that it begins to lead, so that
// deadlines are kept even if no request comes.
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

// outdateAll unloads the shards of a deleted topic. followTopic would not reach all of them: a new topic of the same
// name may have fewer partitions.
func (r *Runtime[S, R]) outdateAll() {
	for _, s := range r.known() {
		s.mu.Lock()
		s.outdate(-1)
		s.mu.Unlock()
	}
}

// followTopic unloads and loads shards according to the topic's current leaders. It reports false when Run has ended.
func (r *Runtime[S, R]) followTopic(topic *metadata.Topic) bool {
	for p := range topic.Partitions {
		s, epoch := r.shard(int32(p)), topic.Partitions[p].LeaderEpoch
		if s.begins(topic) && !r.Go(func(ctx context.Context) { s.lead(ctx, topic.ID, epoch) }) {
			return false
		}
	}
	return true
}

// begins unloads the shard if the topic has a newer leader epoch, and reports whether this broker begins to lead the
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

// lead loads the shard. It tries again until that succeeds, another leader epoch begins, or the topic is deleted.
func (s *shard[S, R]) lead(ctx context.Context, id metadata.TopicID, epoch int32) {
	for ctx.Err() == nil && s.load(ctx) != nil {
		pause.For(ctx, loadPatience)
		topic, ok := s.runtime.deps.Metadata.Image().TopicByID(id)
		if !ok || topic.Partitions[s.partition].LeaderEpoch != epoch {
			return
		}
	}
}
