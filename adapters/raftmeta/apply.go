package raftmeta

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

const (
	pause      = 20 * time.Millisecond // before a proposal that was refused is made again
	longPause  = 500 * time.Millisecond
	maxAttempt = 8 // times Settings.Attempt, when nobody answers
)

// Apply implements ports.MetadataStore, on any node. Until ctx ends, cmd is proposed again when its outcome is unknown;
// it is applied once at most. When no majority of the voters agrees in time, the error is fault.NotController, with
// ctx's error in its chain. fault.RequestTimedOut means that cmd was decided but its outcome is unknown here: this node
// had fallen behind and got a snapshot instead of the entries. fault.KafkaStorageError means that cmd takes space and
// was not proposed, because this node's disk is nearly full.
func (s *Store) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	if err := ctx.Err(); err != nil {
		return metadata.Result{}, err
	}
	if metadata.TakesSpace(cmd) {
		if err := s.local.Ready(); err != nil {
			return metadata.Result{}, err
		}
	}
	data, err := metadata.EncodeCommand(cmd)
	if err != nil {
		return metadata.Result{}, err
	}
	return s.propose(ctx, proposal{Command: data})
}

// ClaimVote records in the metadata that this node votes with its incarnation, and returns when that is committed. It
// is fault.InconsistentVoterSet when the node is known under another one: its votes are lost, and it must stop at once.
func (s *Store) ClaimVote(ctx context.Context) error {
	return s.ClaimVoteOf(ctx, s.settings.NodeID, s.settings.Incarnation)
}

// ClaimVoteOf is ClaimVote for another node, which does not take part yet.
func (s *Store) ClaimVoteOf(ctx context.Context, node int32, incarnation [16]byte) error {
	if s.Voters()[node] == incarnation {
		return nil
	}
	_, err := s.propose(ctx, proposal{Voter: &voter{node, incarnation}})
	return err
}

// propose makes a proposal until its outcome is known or ctx ends.
func (s *Store) propose(ctx context.Context, p proposal) (metadata.Result, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	waiter, own, err := s.machine.waiters.enter(ctx)
	if err != nil {
		return metadata.Result{}, s.failed(ctx, err)
	}
	defer s.machine.waiters.leave(waiter)
	wait, attempt := pause, s.settings.Attempt
	for own.Err() == nil {
		p.ID = proposalID{s.settings.NodeID, s.settings.Boot, waiter.sequence, s.machine.waiters.lowest()}
		data, err := p.encode()
		if err != nil {
			return metadata.Result{}, err
		}
		tried, cancel := context.WithTimeout(own, attempt)
		err = s.group.Propose(tried, data)
		silent := tried.Err() != nil
		cancel()
		switch {
		case err == nil, silent:
			attempt = min(2*attempt, maxAttempt*s.settings.Attempt)
		default:
			sleep(own, wait)
			wait = min(2*wait, longPause)
		}
	}
	select {
	case <-waiter.resolved:
		return waiter.got.result, waiter.got.err
	default:
		return metadata.Result{}, s.failed(ctx, ctx.Err())
	}
}

// Barrier implements ports.MetadataStore. Its error is fault.NotController when no majority answers in time,
// with ctx's error in its chain.
func (s *Store) Barrier(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	for wait := pause; ; wait = min(2*wait, longPause) {
		if err := s.machine.waiters.why(); err != nil {
			return err
		}
		tried, cancel := context.WithTimeout(ctx, s.settings.Attempt)
		err := s.group.Barrier(tried)
		cancel()
		if err == nil {
			return nil
		}
		sleep(ctx, wait)
		if err := ctx.Err(); err != nil {
			return s.failed(ctx, err)
		}
	}
}

// bounded returns ctx with a deadline.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.settings.Patience)
}

// failed returns the error to report for err. When time has run out, it is that the group had no leader in time.
func (s *Store) failed(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &fault.Error{Kind: fault.NotController, Detail: "Not leader for metadata group", Cause: ctx.Err()}
	}
	return err
}

func errClosed() error { return fault.New(fault.NotController, "the metadata store is closed") }

// sleep waits a while, or until ctx ends.
func sleep(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
