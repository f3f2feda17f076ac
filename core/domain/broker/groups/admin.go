package groups

import (
	"context"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// Describe returns a group's state and members. An unknown group is described as Dead, with
// fault.GroupIDNotFound as its Err.
func (c *Coordinator) Describe(ctx context.Context, groupID string) classic.Description {
	var d classic.Description
	found, err := c.groups.Step(ctx, groupID, false, func(e *entry) { d = e.State.Describe() })
	switch {
	case err != nil:
		return classic.Description{Group: groupID, Err: err}
	case !found:
		return classic.Description{Group: groupID, State: classic.Dead.String(), Err: notFound(groupID)}
	}
	return d
}

// notFound is Kafka's error for a group that does not exist.
func notFound(groupID string) error {
	return fault.New(fault.GroupIDNotFound, "Group %s not found.", groupID)
}

// List returns the groups. states and types are filters unless they are empty; they ignore case.
func (c *Coordinator) List(ctx context.Context, states, types []string) (groups []group.Listing, err error) {
	wanted := func(filter []string, value string) bool {
		same := func(f string) bool { return strings.EqualFold(f, value) }
		return len(filter) == 0 || slices.ContainsFunc(filter, same)
	}
	for _, p := range c.groups.Partitions() {
		err := c.groups.Each(ctx, p, func(e *entry) {
			if l := e.State.Listing(); !e.State.Dead() && wanted(states, l.State) && wanted(types, l.Type) {
				groups = append(groups, l)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(groups, func(a, b group.Listing) int { return strings.Compare(a.Group, b.Group) })
	return groups, nil
}

// Delete removes an empty group with its offsets. Errors: fault.NonEmptyGroup, GroupIDNotFound.
func (c *Coordinator) Delete(ctx context.Context, groupID string) error {
	return c.write(ctx, groupID, false, func(g *classic.Group) (classic.Write, error) { return g.Delete() })
}
