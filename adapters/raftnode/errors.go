//go:build raft

package raftnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/lni/dragonboat/v4"
)

// What can be wrong with a request to a group. Any of them may be tried again, but for ErrClosed.
var (
	ErrNoLeader = errors.New("the raft group has no leader now")                                 // nothing was done
	ErrBusy     = errors.New("the raft group has too much to do")                                // nothing was done
	ErrUnknown  = errors.New("the raft group did not answer in time")                            // it may have been done, or may yet be
	ErrConflict = errors.New("the raft group has refused it: its membership is not as expected") // nothing was done
	ErrClosed   = errors.New("this node's replica of the raft group is closed")                  // it may have been done
)

// Why a node does not start.
var (
	// ErrWrongNode means that the directory belongs to another node or to another cluster.
	ErrWrongNode = errors.New("the raft directory is another node's")
	// ErrLostData means that something which this node may have promised to others is gone. Such a node must not vote again.
	ErrLostData = errors.New("raft data of this node is lost; remove the node from the cluster and let it join anew, under a new node id")
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
	return errors.Is(err, dragonboat.ErrClosed) || errors.Is(err, dragonboat.ErrShardClosed) || errors.Is(err, dragonboat.ErrShardNotFound)
}
