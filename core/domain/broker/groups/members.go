package groups

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/internal/uuid"
)

// Join returns when the rebalance that the member takes part in is complete, or when ctx ends.
func (c *Coordinator) Join(ctx context.Context, req classic.JoinRequest) classic.JoinResponse {
	refuse := func(err error) classic.JoinResponse {
		return classic.JoinResponse{Generation: -1, MemberID: req.MemberID, Err: err}
	}
	if err := c.checkJoin(&req); err != nil {
		return refuse(err)
	}
	unique, err := uuid.New(c.deps.Random)
	if err != nil {
		return refuse(fault.New(fault.Unknown, "random bytes for a member id: %w", err))
	}
	answer := make(chan classic.JoinResponse, 1)
	found, err := c.groups.Step(ctx, req.Group, req.MemberID == "", func(e *entry) {
		if !c.deps.Memory.Allows(e.State.Growth(&req)) {
			answer <- refuse(fault.New(fault.CoordinatorLoadInProgress,
				"the coordinator has no memory for another member of group %q", req.Group))
			return
		}
		answerJoin := func(r classic.JoinResponse) { answer <- r }
		c.perform(ctx, e, e.State.Join(c.deps.Clock(), c.settings(), &req, unique.String(), answerJoin))
	})
	switch {
	case err != nil:
		return refuse(err)
	case !found:
		return refuse(fault.UnknownMemberID)
	}
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
		return refuse(fault.New(fault.NotCoordinator, "join of group %q ended: %w", req.Group, ctx.Err()))
	}
}

func (c *Coordinator) checkJoin(req *classic.JoinRequest) error {
	if req.Group == "" {
		return fault.InvalidGroupID
	}
	if req.SessionTimeout < c.millis("group.min.session.timeout.ms") ||
		req.SessionTimeout > c.millis("group.max.session.timeout.ms") {
		return fault.InvalidSessionTimeout
	}
	return nil
}

// Sync returns when the group's leader has sent its assignments, or when ctx ends.
func (c *Coordinator) Sync(ctx context.Context, req classic.SyncRequest) classic.SyncResponse {
	if req.Group == "" {
		return classic.SyncResponse{Err: fault.InvalidGroupID}
	}
	answer := make(chan classic.SyncResponse, 1)
	found, err := c.groups.Step(ctx, req.Group, false, func(e *entry) {
		if !c.deps.Memory.Allows(assignmentBytes(&req)) {
			answer <- classic.SyncResponse{Err: fault.New(fault.CoordinatorNotAvailable,
				"the coordinator has no memory for the assignments of group %q", req.Group)}
			return
		}
		answerSync := func(r classic.SyncResponse) { answer <- r }
		c.perform(ctx, e, e.State.Sync(c.deps.Clock(), &req, answerSync))
	})
	switch {
	case err != nil:
		return classic.SyncResponse{Err: err}
	case !found:
		return classic.SyncResponse{Err: fault.UnknownMemberID}
	}
	select {
	case r := <-answer:
		return r
	case <-ctx.Done():
		return classic.SyncResponse{
			Err: fault.New(fault.NotCoordinator, "sync of group %q ended: %w", req.Group, ctx.Err()),
		}
	}
}

// assignmentBytes returns how many bytes of assignments a leader brings.
func assignmentBytes(req *classic.SyncRequest) (n int) {
	for _, a := range req.Assignments {
		n += len(a)
	}
	return n
}

// Heartbeat extends a member's session. With fault.RebalanceInProgress the member has to rejoin.
func (c *Coordinator) Heartbeat(ctx context.Context, req classic.HeartbeatRequest) error {
	if req.Group == "" {
		return fault.InvalidGroupID
	}
	var answer error
	found, err := c.groups.Step(ctx, req.Group, false, func(e *entry) {
		answer = e.State.Heartbeat(c.deps.Clock(), &req)
	})
	switch {
	case fault.KindOf(err) == fault.CoordinatorLoadInProgress:
		return nil // its session begins again when the group has been loaded
	case err != nil:
		return err
	case !found:
		return fault.UnknownMemberID
	}
	return answer
}

// Leave removes members and fills in the result of each. The error is that of the whole request.
func (c *Coordinator) Leave(ctx context.Context, groupID string, members []classic.LeaveMember) error {
	if groupID == "" {
		return fault.InvalidGroupID
	}
	var refused error
	found, err := c.groups.Step(ctx, groupID, false, func(e *entry) {
		var fx classic.Effects
		fx, refused = e.State.Leave(c.deps.Clock(), members)
		c.perform(ctx, e, fx)
	})
	if err != nil {
		return err
	}
	if !found {
		for i := range members {
			members[i].Err = fault.UnknownMemberID
		}
	}
	return refused
}
