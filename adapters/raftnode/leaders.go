//go:build raft

package raftnode

import (
	"context"
	"iter"
	"sync"

	"github.com/lni/dragonboat/v4/raftio"
)

// Leader is what a node knows of a group's leader.
type Leader struct {
	NodeID int32  // -1 when none is known
	Term   uint64 // Raft's, which rises with each election
}

// leaders holds the newest leader of a group and tells who waits for a newer one.
type leaders struct {
	mu      sync.Mutex
	current Leader
	newer   chan struct{} // closed when there is a newer one
}

func newLeaders() *leaders { return &leaders{current: Leader{NodeID: -1}, newer: make(chan struct{})} }

// now returns the newest leader.
func (l *leaders) now() Leader {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

func (l *leaders) set(now Leader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now == l.current {
		return
	}
	l.current = now
	close(l.newer)
	l.newer = make(chan struct{})
}

func (l *leaders) changes(ctx context.Context, closed <-chan struct{}) iter.Seq[Leader] {
	return func(yield func(Leader) bool) {
		for seen := (Leader{NodeID: -2}); ctx.Err() == nil; {
			l.mu.Lock()
			now, newer := l.current, l.newer
			l.mu.Unlock()
			if now != seen {
				seen = now
				if !yield(now) {
					return
				}
				continue
			}
			select {
			case <-newer:
			case <-ctx.Done():
			case <-closed:
				return
			}
		}
	}
}

// listener takes dragonboat's events, in their order and in one goroutine, which it must not block. What dragonboat answers when it is asked
// for the leader may be older than the event.
type listener struct{ manager *Manager }

// LeaderUpdated implements raftio.IRaftEventListener.
func (l listener) LeaderUpdated(info raftio.LeaderInfo) {
	l.manager.mu.Lock()
	r := l.manager.replicas[info.ShardID]
	l.manager.mu.Unlock()
	if r != nil {
		r.leaders.set(Leader{NodeID: nodeOf(info.LeaderID), Term: info.Term})
	}
}
