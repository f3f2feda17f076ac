package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Commit checks a commit and returns its records. Offsets with an error of their own have none. maxMetadata is
// offset.metadata.max.bytes. An error of Commit applies to every offset. Written makes the offsets visible.
func (g *Group) Commit(now time.Time, req *group.CommitRequest, maxMetadata int) (Write, error) {
	if err := g.CheckCommit(req); err != nil {
		return Write{}, err
	}
	g.now = now
	if m := g.members[req.MemberID]; m != nil && (g.state == Stable || g.state == PreparingRebalance) {
		g.keepAlive(m)
	}
	w := Write{Records: g.offsets.Commit(now, req, maxMetadata)}
	if len(w.Records) > 0 {
		g.unwritten = false
	}
	return g.track(w), nil
}

// CheckCommit returns the error that Commit has for every offset.
func (g *Group) CheckCommit(req *group.CommitRequest) error {
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
func (g *Group) Offset(tp group.TopicPartition) (group.Offset, bool) { return g.offsets.Get(tp) }

// Offsets returns all committed offsets, in order of topic and partition.
func (g *Group) Offsets() []group.FetchedOffset { return g.offsets.All() }

// PendingOffsets reports whether there are commits that are not durable yet.
func (g *Group) PendingOffsets() bool { return g.offsets.Pending() }

// DeleteOffsets returns the records that remove the partitions' offsets, and an error for each partition:
// fault.GroupSubscribedToTopic if members consume the topic.
func (g *Group) DeleteOffsets(partitions []group.TopicPartition) (Write, []error, error) {
	switch {
	case g.state == Dead:
		return Write{}, nil, fault.GroupIDNotFound
	case g.state != Empty && g.protocolType != group.ConsumerProtocolType:
		return Write{}, nil, fault.NonEmptyGroup
	}
	errs := make([]error, len(partitions))
	var w Write
	for i, tp := range partitions {
		if g.subscribes(tp.Topic) {
			errs[i] = fault.GroupSubscribedToTopic
			continue
		}
		if g.offsets.Has(tp) {
			w.Records = append(w.Records, group.OffsetRecord{Group: g.id, TopicPartition: tp})
		}
	}
	return g.track(w), errs, nil
}

// DropTopics returns the records that remove the offsets of deleted topics; see group.Offsets.
func (g *Group) DropTopics(current func(name string) (metadata.TopicID, bool)) Write {
	return g.track(Write{Records: g.offsets.DropTopics(current)})
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
	w := Write{Records: g.offsets.Tombstones(func(group.TopicPartition) bool { return true })}
	return g.withTombstone(w), nil
}

// withTombstone ends the group and adds its own tombstone to w.
func (g *Group) withTombstone(w Write) Write {
	w.Records = append(w.Records, g.record(nil)...)
	w.purpose = toDelete
	g.state = Dead
	for id := range g.pending {
		g.forgetPending(id)
	}
	g.wake = time.Time{}
	return g.track(w)
}

// ExpireOffsets returns the records that remove the offsets that are older than retention (offsets.retention.minutes),
// and the group as well when it is empty and has no offsets left (KIP-211). The age of an empty group's offsets counts
// from when it became empty. Offsets of a group without a protocol, and of topics that a stable group does not consume
// any more, count from their commit.
func (g *Group) ExpireOffsets(now time.Time, retention time.Duration) Write {
	if g.state == Dead {
		return Write{}
	}
	left := false
	w := Write{Records: g.offsets.Tombstones(func(tp group.TopicPartition) bool {
		gone := g.expired(tp, now.UnixMilli(), retention)
		left = left || !gone
		return gone
	})}
	if g.state == Empty && !left && len(g.pending) == 0 {
		return g.withTombstone(w)
	}
	return g.track(w)
}

func (g *Group) expired(tp group.TopicPartition, now int64, retention time.Duration) bool {
	o, ok := g.offsets.Get(tp)
	if !ok || g.offsets.PendingAt(tp) || g.subscribes(tp.Topic) {
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
