// Package quorum has the rules for the nodes that decide on the cluster's metadata: which node may be added, removed or
// get a vote, and which one leads next. The nodes are the members of a Raft group. As in Kafka, a member with a vote is
// a voter, and one that only follows is an observer.
//
// The rules protect the majority. No decision is made without more than half of the voters, so a change that leaves
// fewer of them in service would stop the cluster for ever. Members are values; the package does no I/O. The services
// that follow the rules are in core/domain/broker/controller.
package quorum

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// MaxVoters is the largest number of voters. With more of them, each decision would wait for more answers and would
// hardly be safer.
const MaxVoters = 5

// Members are the members of the group: raft addresses, host:port, by node id.
type Members struct {
	Voters    map[int32]string
	Observers map[int32]string
	Removed   map[int32]bool // former members, which can never come back under their ids
}

// CheckAdd returns nil if a node may be added as an observer with this raft address. Adding it a second time is allowed
// and changes nothing. Errors: fault.DuplicateVoter and InvalidRequest.
func (m Members) CheckAdd(node int32, address string) error {
	switch known, follows := m.Observers[node]; {
	case m.Voters[node] != "":
		return fault.New(fault.DuplicateVoter, "node %d is a member of the cluster, at raft address %s", node, m.Voters[node])
	case m.Removed[node]:
		return fault.New(fault.InvalidRequest,
			"node %d was removed from the cluster, and no node can join under that id again: give it another node_id "+
				"and an empty data directory", node)
	case follows && known != address:
		return fault.New(fault.DuplicateVoter, "node %d is added already, at raft address %s: remove it first", node, known)
	}
	for _, nodes := range []map[int32]string{m.Voters, m.Observers} {
		for other, at := range nodes {
			if other != node && at == address {
				return fault.New(fault.InvalidRequest, "raft address %s is node %d's", address, other)
			}
		}
	}
	return nil
}

// Removal is a request to remove a member, with what is known about the member.
type Removal struct {
	Node       int32
	Directory  [16]byte              // the directory id that the request names; zero for any
	VotesAs    [16]byte              // the one under which it has claimed its vote; zero for none
	Registered bool                  // its broker is registered
	InService  func(node int32) bool // whether a node's broker is in service
}

// CheckRemove returns nil if a member may be removed. It may not while its broker is registered, nor if the remaining
// voters that are in service were no majority. Errors: fault.VoterNotFound and InvalidRequest.
func (m Members) CheckRemove(r Removal) error {
	_, votes := m.Voters[r.Node]
	_, follows := m.Observers[r.Node]
	switch {
	case !votes && !follows:
		return fault.New(fault.VoterNotFound, "node %d is no member of the cluster", r.Node)
	case r.Directory != [16]byte{} && r.Directory != r.VotesAs:
		return fault.New(fault.VoterNotFound, "node %d votes under another directory id", r.Node)
	case r.Registered:
		return fault.New(fault.InvalidRequest, "broker %d is registered: unregister it first", r.Node)
	case !votes:
		return nil
	}
	rest := Without(slices.Collect(maps.Keys(m.Voters)), r.Node, r.InService)
	if !rest.Decides() {
		return fault.New(fault.InvalidRequest, "without node %d, %d of %d voters are in service, which is no majority",
			r.Node,
			len(rest.InService), len(rest.Voters))
	}
	return nil
}

// MayPromote reports whether a node that has no vote yet may get one.
func (m Members) MayPromote(node int32) bool {
	_, votes := m.Voters[node]
	return !votes && len(m.Voters) < MaxVoters
}

// Successors returns the other voters in the order in which a leader offers them the leadership: first those with the
// next higher ids, so that several leaders that hand over one after another do not all choose the same node.
func (m Members) Successors(leader int32) []int32 {
	voters := slices.Sorted(maps.Keys(m.Voters))
	at, votes := slices.BinarySearch(voters, leader)
	if votes {
		return slices.Concat(voters[at+1:], voters[:at])
	}
	return slices.Concat(voters[at:], voters[:at])
}

// Rest is the set of voters that remain when one of them is removed.
type Rest struct {
	Voters    []int32
	InService []int32 // the voters that are in service
}

// Without returns the voters that remain without a node.
func Without(voters []int32, node int32, inService func(node int32) bool) Rest {
	rest := slices.DeleteFunc(slices.Clone(voters), func(id int32) bool { return id == node })
	serving := slices.DeleteFunc(slices.Clone(rest), func(id int32) bool { return !inService(id) })
	return Rest{Voters: rest, InService: serving}
}

// Decides reports whether the voters in service are a majority.
func (r Rest) Decides() bool { return len(r.InService) > len(r.Voters)/2 }

// VotesLost tells the operator what to do about a node that has forgotten what it has voted for. It must not vote
// again: it could vote for a second leader in a term in which it has already voted.
func VotesLost(node int32) string {
	return fmt.Sprintf(
		"what it has voted for is lost. Replace it with `chronik-server cluster replace-node %d NEW-ID HOST:PORT`, "+
			"and start it with cluster.node_id = NEW-ID and cluster.join = true",
		node,
	)
}
