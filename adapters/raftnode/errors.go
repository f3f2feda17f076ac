//go:build raft

package raftnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/lni/dragonboat/v4"
)

// The errors of requests to a group. All but ErrClosed may be retried.
var (
	// ErrNoLeader means that nothing was done.
	ErrNoLeader = errors.New("the raft group has no leader now")
	// ErrBusy means that nothing was done.
	ErrBusy = errors.New("the raft group has too much to do")
	// ErrUnknown means that the request may have been carried out, or may still be.
	ErrUnknown = errors.New("the raft group did not answer in time")
	// ErrConflict means that nothing was done.
	ErrConflict = errors.New("the raft group has refused it: its membership is not as expected")
	// ErrClosed means that the request may have been carried out.
	ErrClosed = errors.New("this node's replica of the raft group is closed")
)

// Why a node does not start.
var (
	// ErrWrongNode means that the directory belongs to another node or to another cluster.
	ErrWrongNode = errors.New("the raft directory is another node's")
	// ErrLostData means that something which this node may have promised to others is lost. Such a node must not vote
	// again.
	ErrLostData = errors.New("raft data of this node is lost; " +
		"remove the node from the cluster and add it again under a new node id")
)

// translated returns err, which is dragonboat's, as one of this package's errors.
func translated(ctx context.Context, err error) error {
	kind := ErrUnknown
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
	case errors.Is(err, dragonboat.ErrShardNotReady), errors.Is(err, dragonboat.ErrShardNotInitialized):
		kind = ErrNoLeader
	case errors.Is(err, dragonboat.ErrSystemBusy):
		kind = ErrBusy
	case errors.Is(err, dragonboat.ErrRejected):
		kind = ErrConflict
	case isClosed(err):
		kind = ErrClosed
	case errors.Is(err, dragonboat.ErrPayloadTooBig):
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}

func isClosed(err error) bool {
	return errors.Is(err, dragonboat.ErrClosed) ||
		errors.Is(err, dragonboat.ErrShardClosed) ||
		errors.Is(err, dragonboat.ErrShardNotFound)
}
