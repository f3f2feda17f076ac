// Package cluster creates the parts of a node of a cluster from its configuration: the other nodes and the connections
// to them, this node's Raft replica, and the replicated metadata. It decides nothing. The rules are in
// core/domain/quorum and in the services of core/domain/broker/controller. The files that need the Raft library have
// the build tag raft; the others compile without it.
package cluster
