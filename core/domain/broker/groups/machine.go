package groups

import (
	"context"
	"errors"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// machine tells the Runtime what groups are.
func (c *Coordinator) machine() coordinator.Machine[*classic.Group, group.Record] {
	return coordinator.Machine[*classic.Group, group.Record]{
		Topic:  metadata.OffsetsTopic,
		New:    func(id string) *classic.Group { return classic.New(id, c.deps.Clock()) },
		Load:   classic.NewFromLog,
		Decode: decode,
		Apply:  func(g *classic.Group, r group.Record, _ coordinator.Origin) { g.Apply(r) },
		Restore: func(ctx context.Context, e *entry) {
			c.perform(ctx, e, e.State.Restore(c.deps.Clock(), c.settings()))
			c.append(ctx, e, c.dropTopics(e.State)) // the previous coordinator may not have done that
		},
		Expire:  func(ctx context.Context, e *entry) { c.perform(ctx, e, e.State.Expire(c.deps.Clock())) },
		Abandon: func(g *classic.Group, err error) { deliver(g.Abandon(c.deps.Clock(), err)) },
	}
}

// decode decodes a record of __consumer_offsets and returns the group that it belongs to.
func decode(key, value []byte) (groupID string, r group.Record, err error) {
	r, err = group.Decode(key, value)
	if errors.Is(err, group.ErrForeignRecord) {
		return "", nil, coordinator.ErrForeign
	}
	switch r := r.(type) {
	case group.OffsetRecord:
		groupID = r.Group
	case group.MetadataRecord:
		groupID = r.Group
	}
	return groupID, r, err
}

// perform carries out the effects of a step of the group. It is called under the lock of the group's shard.
func (c *Coordinator) perform(ctx context.Context, e *entry, fx classic.Effects) {
	deliver(fx)
	for _, ev := range fx.Events {
		c.events.Info(ctx, ev.Text, attributes(e.Key(), ev)...)
	}
	for _, w := range fx.Writes {
		c.append(ctx, e, w)
	}
}

// deliver answers waiting requests.
func deliver(fx classic.Effects) {
	for _, a := range fx.Joins {
		a.To(a.JoinResponse)
	}
	for _, a := range fx.Syncs {
		a.To(a.SyncResponse)
	}
}

// append performs a write that no request waits for.
func (c *Coordinator) append(ctx context.Context, e *entry, w classic.Write) {
	_ = c.appendFor(ctx, e, w, nil) // the group gets the error from appendFor
}

// appendFor performs a write of a group. done, unless nil, gets nil when the write is durable and was applied to the
// group. The error says that the log has refused the write; the group gets it as well.
func (c *Coordinator) appendFor(ctx context.Context, e *entry, w classic.Write, done chan<- error) error {
	err := e.Write(ctx, coordinator.Write[group.Record]{
		Records: w.Records,
		Written: func(ctx context.Context, _ int64) { c.perform(ctx, e, e.State.Written(c.deps.Clock(), w, nil)) },
	}, done)
	if err != nil {
		c.perform(ctx, e, e.State.Written(c.deps.Clock(), w, err))
	}
	return err
}

// write calls decide for the write of a group and waits until that is durable, ctx ends, or offsets.commit.timeout.ms
// has passed. With create the group is created if it does not exist; otherwise the error is fault.GroupIDNotFound.
func (c *Coordinator) write(
	ctx context.Context, groupID string, create bool, decide func(*classic.Group) (classic.Write, error),
) error {
	found, err := c.groups.Update(ctx, groupID, create, func(e *entry, done chan<- error) error {
		w, err := decide(e.State)
		if err != nil {
			return err
		}
		return c.appendFor(ctx, e, w, done)
	})
	if err == nil && !found {
		return notFound(groupID)
	}
	return err
}

// attributes returns the attributes of an event's log line: those that the event has.
func attributes(groupID string, ev classic.Event) []any {
	out := []any{"group", groupID}
	if ev.Member != "" {
		out = append(out, "member", ev.Member)
	}
	if ev.Generation > 0 {
		out = append(out, "generation", ev.Generation)
	}
	if ev.Reason != "" {
		out = append(out, "reason", ev.Reason)
	}
	return out
}
