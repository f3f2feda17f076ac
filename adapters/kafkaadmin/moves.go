package kafkaadmin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/layout"
)

// Move is a partition that got other replicas, or the same in another order.
type Move struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas"`
}

// move carries out the moves, Settings.Step at a time, and returns when all replicas are in sync.
func (a *Admin) move(ctx context.Context, moves []layout.Move) ([]Move, error) {
	done := []Move{}
	for step := range slices.Chunk(moves, a.settings.Step) {
		if err := a.insist(ctx, func() error { return a.reassign(ctx, step) }); err != nil {
			return done, err
		}
		if err := a.awaitMoved(ctx, step); err != nil {
			return done, err
		}
		for _, m := range step {
			done = append(done, Move{m.Topic, m.Index, m.Replicas})
		}
		a.settings.Report(PartitionsMoved{Done: len(done), All: len(moves)})
	}
	return done, nil
}

// reassign starts moves.
func (a *Admin) reassign(ctx context.Context, moves []layout.Move) error {
	req := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	req.AllowReplicationFactorChange = true
	req.Topics = byTopic(moves, func(topic string, of []layout.Move) kmsg.AlterPartitionAssignmentsRequestTopic {
		t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		t.Topic = topic
		for _, m := range of {
			p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
			p.Partition, p.Replicas = m.Index, m.Replicas
			t.Partitions = append(t.Partitions, p)
		}
		return t
	})
	resp, err := req.RequestWith(ctx, a)
	if err == nil {
		err = failure(resp.ErrorCode, resp.ErrorMessage)
	}
	if err != nil {
		return fmt.Errorf("reassign partitions: %w", err)
	}
	var failed []error
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			err := failure(p.ErrorCode, p.ErrorMessage)
			if err != nil && !errors.Is(err, fault.UnknownTopicOrPartition) { // it was deleted meanwhile
				failed = append(failed, fmt.Errorf("reassign %s-%d: %w", t.Topic, p.Partition, err))
			}
		}
	}
	return errors.Join(failed...)
}

// byTopic groups moves into a request's topics.
func byTopic[T any](moves []layout.Move, topic func(string, []layout.Move) T) []T {
	sorted := slices.Clone(moves)
	slices.SortStableFunc(sorted, func(x, y layout.Move) int { return cmp.Compare(x.Topic, y.Topic) })
	var all []T
	for len(sorted) > 0 {
		n := slices.IndexFunc(sorted, func(m layout.Move) bool { return m.Topic != sorted[0].Topic })
		if n < 0 {
			n = len(sorted)
		}
		all = append(all, topic(sorted[0].Topic, sorted[:n]))
		sorted = sorted[n:]
	}
	return all
}

// awaitMoved returns when none of the partitions is being reassigned.
func (a *Admin) awaitMoved(ctx context.Context, moves []layout.Move) error {
	for {
		v := &view{moving: map[partition]kmsg.ListPartitionReassignmentsResponseTopicPartition{}}
		if err := a.insist(ctx, func() error { return a.readMoves(ctx, v) }); err != nil {
			return err
		}
		left := slices.IndexFunc(moves, func(m layout.Move) bool {
			_, moving := v.moving[partition{m.Topic, m.Index}]
			return moving
		})
		if left < 0 {
			return nil
		}
		if err := a.pause(ctx); err != nil {
			return fmt.Errorf("%s is still being moved to brokers %v; the move continues: %w",
				partition{moves[left].Topic, moves[left].Index}, moves[left].Replicas, err)
		}
	}
}

// awaitNoMoves returns when no partition is being reassigned, so that a plan can be made.
func (a *Admin) awaitNoMoves(ctx context.Context) (*view, error) {
	for reported := false; ; reported = true {
		v, err := a.readView(ctx)
		if err != nil || len(v.moving) == 0 {
			return v, err
		}
		if !reported {
			a.settings.Report(AwaitingReassignments{len(v.moving)})
		}
		if err := a.pause(ctx); err != nil {
			return nil, fmt.Errorf("%d partitions are being reassigned: %w", len(v.moving), err)
		}
	}
}

// elect has the preferred leaders elected, and returns how many partitions got another leader.
func (a *Admin) elect(ctx context.Context, partitions []partition) (int, error) {
	if len(partitions) == 0 {
		return 0, nil
	}
	moves := make([]layout.Move, len(partitions))
	for n, p := range partitions {
		moves[n] = layout.Move{Topic: p.topic, Index: p.index}
	}
	req := kmsg.NewPtrElectLeadersRequest()
	req.TimeoutMillis = int32(askTimeout.Milliseconds())
	req.Topics = byTopic(moves, func(topic string, of []layout.Move) kmsg.ElectLeadersRequestTopic {
		t := kmsg.NewElectLeadersRequestTopic()
		t.Topic = topic
		for _, m := range of {
			t.Partitions = append(t.Partitions, m.Index)
		}
		return t
	})
	elected := 0
	err := a.insist(ctx, func() error {
		resp, err := req.RequestWith(ctx, a)
		if err != nil {
			return fmt.Errorf("elect leaders: %w", err)
		}
		changed, err := outcome(resp)
		elected += changed
		return err
	})
	return elected, err
}

// outcome returns how many partitions got another leader by an election, and the errors of the others.
func outcome(resp *kmsg.ElectLeadersResponse) (int, error) {
	if err := failure(resp.ErrorCode, nil); err != nil {
		return 0, fmt.Errorf("elect leaders: %w", err)
	}
	changed, failed := 0, []error(nil)
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			switch err := failure(p.ErrorCode, p.ErrorMessage); {
			case err == nil:
				changed++
			case !errors.Is(err, fault.ElectionNotNeeded) && !errors.Is(err, fault.UnknownTopicOrPartition): // deleted meanwhile
				failed = append(failed, fmt.Errorf("elect a leader of %s-%d: %w", t.Topic, p.Partition, err))
			}
		}
	}
	return changed, errors.Join(failed...)
}
