//go:build raft

package raftnode

import "github.com/lni/dragonboat/v4/raftio"

// Leader is what a node knows of a group's leader.
type Leader struct {
	NodeID int32  // -1 when none is known
	Term   uint64 // Raft's, which rises with each election
}

// listener receives dragonboat's events, in their order and in one goroutine, which it must not block. A query for the
// leader may return an older one than the event did.
type listener struct{ manager *Manager }

// LeaderUpdated implements raftio.IRaftEventListener.
func (l listener) LeaderUpdated(info raftio.LeaderInfo) {
	l.manager.mu.Lock()
	r := l.manager.replicas[info.ShardID]
	l.manager.mu.Unlock()
	if r != nil {
		r.leaders.Set(Leader{NodeID: nodeOf(info.LeaderID), Term: info.Term})
	}
}
