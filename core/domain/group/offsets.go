package group

import (
	"maps"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Commit checks a commit and returns the records that make it durable; offsets with an error of their own
// have none. maxMetadata is offset.metadata.max.bytes. The error holds for every offset. Written makes
// the offsets visible.
func (g *Group) Commit(now time.Time, req *CommitRequest, maxMetadata int) (Write, error) {
	if err := g.CheckCommit(req); err != nil {
		return Write{}, err
	}
	g.now = now
	if m := g.members[req.MemberID]; m != nil && (g.state == Stable || g.state == PreparingRebalance) {
		g.keepAlive(m)
	}
	w := Write{Records: make([]Record, 0, len(req.Offsets))}
	for i := range req.Offsets {
		o := &req.Offsets[i]
		if utf16Length(o.Metadata) > maxMetadata {
			o.Err = fault.OffsetMetadataTooLarge
			continue
		}
		o.Err = nil
		committed := o.Offset
		committed.CommitTime, committed.ExpireTime = now.UnixMilli(), -1
		if req.Retention >= 0 {
			committed.ExpireTime = committed.CommitTime + req.Retention.Milliseconds()
		}
		w.Records = append(w.Records, OffsetRecord{Group: g.id, TopicPartition: o.TopicPartition, Offset: &committed})
	}
	if len(w.Records) > 0 {
		g.unwritten = false
	}
	return g.track(w), nil
}

// CheckCommit returns the error that Commit has for every offset.
func (g *Group) CheckCommit(req *CommitRequest) error {
	switch {
	case g.state == Dead:
		return fault.CoordinatorNotAvailable
	case req.Generation < 0 && g.state == Empty:
		return nil // outside the group's protocol
	case req.Generation < 0 && req.MemberID == "" && req.InstanceID == "":
		return fault.UnknownMemberID
	}
	if err := g.checkMember(req.MemberID, req.InstanceID); err != nil {
		return err
	}
	switch {
	case req.Generation != g.generation:
		return fault.IllegalGeneration
	case g.state == CompletingRebalance:
		// The member knows the generation but has no assignment in it.
		return fault.RebalanceInProgress
	}
	return nil
}

// Offset returns the committed offset of a partition.
func (g *Group) Offset(tp TopicPartition) (Offset, bool) {
	o, ok := g.offsets[tp.Topic][tp.Partition]
	return o, ok
}

// Offsets returns all committed offsets, in order of topic and partition.
func (g *Group) Offsets() []FetchedOffset {
	var out []FetchedOffset
	for _, topic := range slices.Sorted(maps.Keys(g.offsets)) {
		for _, p := range sortedPartitions(g.offsets[topic]) {
			out = append(out,
				FetchedOffset{TopicPartition: TopicPartition{Topic: topic, Partition: p}, Offset: g.offsets[topic][p]})
		}
	}
	return out
}

// Unsettled reports whether commits are on their way to the log.
func (g *Group) Unsettled() bool { return len(g.inflight) > 0 }

// DeleteOffsets returns the records that remove the partitions' offsets, and for each partition
// an error: fault.GroupSubscribedToTopic where members consume the topic.
func (g *Group) DeleteOffsets(partitions []TopicPartition) (Write, []error, error) {
	switch {
	case g.state == Dead:
		return Write{}, nil, fault.GroupIDNotFound
	case g.state != Empty && g.protocolType != ConsumerProtocolType:
		return Write{}, nil, fault.NonEmptyGroup
	}
	errs := make([]error, len(partitions))
	var w Write
	for i, tp := range partitions {
		if g.subscribes(tp.Topic) {
			errs[i] = fault.GroupSubscribedToTopic
			continue
		}
		if g.has(tp) {
			w.Records = append(w.Records, OffsetRecord{Group: g.id, TopicPartition: tp})
		}
	}
	return g.track(w), errs, nil
}

// DropTopics returns the records that remove the offsets of topics that are gone, or were made anew under their
// old name. current returns the id of the topic that has a name now.
func (g *Group) DropTopics(current func(name string) (metadata.TopicID, bool)) Write {
	return g.track(g.tombstones(func(tp TopicPartition) bool {
		id, exists := current(tp.Topic)
		if !exists {
			return true
		}
		o, ok := g.Offset(tp)
		// A commit on its way may be for the new topic.
		return ok && g.inflight[tp] == 0 && !o.TopicID.IsZero() && o.TopicID != id
	}))
}

// Delete ends an empty group and returns the records that remove it with all its offsets.
func (g *Group) Delete() (Write, error) {
	switch g.state {
	case Dead:
		return Write{}, fault.GroupIDNotFound
	case Empty:
	default:
		return Write{}, fault.NonEmptyGroup
	}
	w := g.tombstones(func(TopicPartition) bool { return true })
	return g.bury(w), nil
}

// bury adds the group's own tombstone to w.
func (g *Group) bury(w Write) Write {
	w.Records = append(w.Records, MetadataRecord{Group: g.id})
	w.purpose = toDelete
	g.state = Dead
	for id := range g.pending {
		g.forgetPending(id)
	}
	g.wake = time.Time{}
	return g.track(w)
}

// ExpireOffsets returns the records that remove the offsets which are older than retention
// (offsets.retention.minutes), and the group, too, when it is empty and nothing is left (KIP-211). An empty group's
// offsets age from when it became empty; those of a group without a protocol, and of topics that a
// stable group does not consume any more, from their commit.
func (g *Group) ExpireOffsets(now time.Time, retention time.Duration) Write {
	if g.state == Dead {
		return Write{}
	}
	left := false
	w := g.tombstones(func(tp TopicPartition) bool {
		gone := g.expired(tp, now.UnixMilli(), retention)
		left = left || !gone
		return gone
	})
	if g.state == Empty && !left && len(g.pending) == 0 {
		return g.bury(w)
	}
	return g.track(w)
}

func (g *Group) expired(tp TopicPartition, now int64, retention time.Duration) bool {
	o, ok := g.Offset(tp)
	if !ok || g.inflight[tp] > 0 || g.subscribes(tp.Topic) {
		return false
	}
	base := o.CommitTime
	switch {
	case g.protocolType == "":
	case g.state == Empty:
		if g.since >= 0 {
			base = g.since
		}
	case g.state == Stable && g.parsed:
	default:
		return false
	}
	if o.ExpireTime >= 0 {
		return now >= o.ExpireTime
	}
	return now-base >= retention.Milliseconds()
}

// has reports whether the partition has an offset, or one that is on its way.
func (g *Group) has(tp TopicPartition) bool {
	_, ok := g.Offset(tp)
	return ok || g.inflight[tp] > 0
}

// tombstones returns the records that remove the offsets that match, in order. They cover offsets on their
// way to the log: otherwise those would rise again when the log is read.
func (g *Group) tombstones(match func(TopicPartition) bool) (w Write) {
	var matching []TopicPartition
	for tp := range g.inflight {
		if match(tp) {
			matching = append(matching, tp)
		}
	}
	for topic, partitions := range g.offsets {
		for p := range partitions {
			if tp := (TopicPartition{Topic: topic, Partition: p}); g.inflight[tp] == 0 && match(tp) {
				matching = append(matching, tp)
			}
		}
	}
	slices.SortFunc(matching, comparePartitions)
	for _, tp := range matching {
		w.Records = append(w.Records, OffsetRecord{Group: g.id, TopicPartition: tp})
	}
	return w
}
