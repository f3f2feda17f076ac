// Package raftmeta keeps the cluster's metadata the same on all its nodes: commands are agreed on by a Raft group, and each node applies them,
// in the one order, to an inner store on its own disk.
//
// Raft may agree on a proposal more than once, as who does not hear of its outcome proposes it again. So every proposal carries an id,
// and each node remembers, with the metadata itself, which ids it has seen: a Note goes into the same transaction as the change. See
// docs/decisions/0004-metadata-by-raft.md.
package raftmeta
