//go:build raft

// Package raftnode runs this node's replicas of Raft groups with dragonboat: who votes, who leads, what is proposed, and what keeps a
// node with the wrong, an old or no data out.
//
// A panic in one of dragonboat's goroutines ends the process, as nothing after it could be trusted: it means that the raft log cannot
// be read or written, that the disk is full, or that a state machine could not go on. What dragonboat says last is logged as an error
// before.
package raftnode
