//go:build raft

// Package raftnode runs this node's replicas of Raft groups with dragonboat: membership, leadership, proposals, and the
// checks that keep a node out that has wrong, old or no data. It is the only package that imports dragonboat.
//
// A Manager owns the node's raft directory and the listener for the other nodes; a Replica is one group on this node. A
// node may vote only with what it had promised before. Therefore guard.go ties the directory to a cluster, a node and
// an incarnation, and start.go compares where the raft log ends with what was committed and applied. If anything is
// missing, the start fails with ErrLostData or ErrWrongNode.
//
// A panic in one of dragonboat's goroutines ends the process, because nothing after it could be trusted. It means that
// the raft log cannot be read or written, that the disk is full, or that a state machine failed. Its message is logged
// as an error first.
package raftnode
