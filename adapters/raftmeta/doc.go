// Package raftmeta replicates the cluster's metadata: a Raft group commits the commands, and each node applies them, in
// the same order, to an inner store on its own disk.
//
// Raft may commit a proposal more than once, because a proposer that gets no answer proposes it again. So every
// proposal carries an id, and each node stores the ids it has applied beside the metadata: a note is part of the same
// transaction as the change. Applying an entry is therefore idempotent, and depends on nothing but the entries before
// it. See docs/decisions/0004-metadata-by-raft.md.
//
// Store is the ports.MetadataStore; Machine applies the log. The package knows the Raft library by the interface Group
// only, which adapters/raftnode fulfils.
package raftmeta
