// Package cluster makes the parts of a node from its configuration: who the other nodes are and how they are reached,
// this node's side of Raft, and the metadata that the nodes agree on. It decides nothing: what a node may do is said by
// the services in core/domain/broker/controller and the rules in core/domain/quorum. What needs the Raft library has the
// build tag raft; the rest compiles without it.
package cluster
