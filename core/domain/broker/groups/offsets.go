package groups

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Commit commits offsets durably and fills in the results in req.Offsets. An error of Commit applies to every
// partition: fault.GroupIDNotFound for a member of a group that does not exist (clients know it as IllegalGeneration
// before version 9 of OffsetCommit), UnknownMemberID, FencedInstanceID, IllegalGeneration, RebalanceInProgress, and
// those of the coordinator.
func (c *Coordinator) Commit(ctx context.Context, req *group.CommitRequest) error {
	img := c.deps.Metadata.Image()
	for i := range req.Offsets {
		if o := &req.Offsets[i]; o.TopicID.IsZero() {
			o.TopicID = currentTopicID(img, o.Topic)
		}
	}
	maxMetadata := int(c.deps.Configs.Int("offset.metadata.max.bytes"))
	return c.write(ctx, req.Group, req.Generation < 0, func(g *classic.Group) (classic.Write, error) {
		if err := g.CheckCommit(req); err != nil {
			return classic.Write{}, err
		}
		if !c.deps.Memory.Allows(g.CommitGrowth(req)) {
			return classic.Write{}, fault.New(fault.CoordinatorLoadInProgress,
				"the coordinator has no memory for more offsets of group %q", req.Group)
		}
		return g.Commit(c.deps.Clock(), req, maxMetadata)
	})
}

// FetchOffsets returns committed offsets; partitions nil means all that the group has. Offsets whose commit is not
// durable yet are not returned; requireStable waits for them (KIP-447). An offset of a deleted topic of the same name
// does not count.
func (c *Coordinator) FetchOffsets(
	ctx context.Context, groupID string, partitions []group.TopicPartition, requireStable bool,
) (fetched []group.FetchedOffset, err error) {
	if requireStable {
		if err := c.awaitPending(ctx, groupID); err != nil {
			return nil, err
		}
	}
	img := c.deps.Metadata.Image()
	err = c.groups.View(ctx, groupID, func(e *entry) {
		if partitions == nil {
			for _, f := range e.State.Offsets() {
				if current(img, f.Topic, f.TopicID) {
					fetched = append(fetched, f)
				}
			}
			return
		}
		fetched = fetch(img, partitions, e.State.Offset)
	})
	if err == nil && fetched == nil {
		fetched = fetch(img, partitions, func(group.TopicPartition) (o group.Offset, ok bool) { return o, false })
	}
	return fetched, err
}

// fetch returns the offset of each partition, -1 for one that has none.
func fetch(
	img *metadata.Image, partitions []group.TopicPartition, get func(group.TopicPartition) (group.Offset, bool),
) (fetched []group.FetchedOffset) {
	for _, tp := range partitions {
		o, ok := get(tp)
		if !ok || !current(img, tp.Topic, o.TopicID) {
			o = group.Offset{Offset: -1, LeaderEpoch: -1, ExpireTime: -1}
		}
		fetched = append(fetched, group.FetchedOffset{TopicPartition: tp, Offset: o})
	}
	return fetched
}

// current reports whether a topic still has the id under which an offset was committed. It is true if one of the two
// ids is unknown.
func current(img *metadata.Image, topic string, id metadata.TopicID) bool {
	now := currentTopicID(img, topic)
	return id.IsZero() || now.IsZero() || now == id
}

// currentTopicID returns the topic's id, zero when there is no such topic.
func currentTopicID(img *metadata.Image, name string) metadata.TopicID {
	if t, ok := img.Topic(name); ok {
		return t.ID
	}
	return metadata.TopicID{}
}

// awaitPending waits until the offsets that the group has committed so far are durable.
func (c *Coordinator) awaitPending(ctx context.Context, groupID string) error {
	var done <-chan error
	err := c.groups.View(ctx, groupID, func(e *entry) {
		if e.State.PendingOffsets() {
			done = e.Barrier()
		}
	})
	if err != nil || done == nil {
		return err
	}
	return c.groups.Await(ctx, done)
}

// DeleteOffsets removes committed offsets of topics that the group does not consume. It returns a result per partition.
func (c *Coordinator) DeleteOffsets(
	ctx context.Context, groupID string, partitions []group.TopicPartition,
) (answers []error, err error) {
	if groupID == "" {
		return nil, fault.InvalidGroupID
	}
	err = c.write(ctx, groupID, false, func(g *classic.Group) (w classic.Write, err error) {
		w, answers, err = g.DeleteOffsets(partitions)
		return w, err
	})
	return answers, err
}
