// Package quorum has the rules about the nodes that decide on the cluster's metadata: which node may join them and
// which one may be removed, which one gets a vote, and which one leads next. The nodes are the members of a Raft group.
// A member that votes is a voter, one that only follows is an observer, as Kafka calls it.
//
// What the rules protect is the majority. Nothing is decided without more than half of the voters, so a change that
// leaves fewer of them in service would stop the cluster for good.
package quorum

import (
	"fmt"
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// MaxVoters is how many members vote. With more of them, each decision would wait for more answers and hardly be any
// safer.
const MaxVoters = 5

// Members are the members of the group: raft addresses, host:port, by node id.
type Members struct {
	Voters    map[int32]string
	Observers map[int32]string
	Removed   map[int32]bool // former members, which can never come back under their ids
}

// CheckAdd returns why a node cannot be added as an observer that the others reach at a raft address, nil if it can.
// Adding it again changes nothing. Errors: fault.DuplicateVoter and InvalidRequest.
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

// Removal asks for a member to be removed for good, with what is known of it.
type Removal struct {
	Node       int32
	Directory  [16]byte              // the directory id under which it is to be removed; zero for any
	VotesAs    [16]byte              // the one under which it has claimed its vote; zero for none
	Registered bool                  // there is a registration of its broker
	InService  func(node int32) bool // whether a node's broker is in service
}

// CheckRemove returns why a member cannot be removed, nil if it can. One whose broker is registered stays, and so does
// a voter without which those of the others that are in service could not decide. Errors: fault.VoterNotFound and
// InvalidRequest.
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
		return fault.New(fault.InvalidRequest, "without node %d, %d of %d voters are in service, which is no majority", r.Node,
			len(rest.InService), len(rest.Voters))
	}
	return nil
}

// MayPromote reports whether a node that has no vote yet may get one.
func (m Members) MayPromote(node int32) bool {
	_, votes := m.Voters[node]
	return !votes && len(m.Voters) < MaxVoters
}

// Successors returns the other voters in the order in which a leader offers them the leadership: the next higher ids
// first, so that leaders that hand over one after another do not all choose the same node.
func (m Members) Successors(leader int32) []int32 {
	voters := slices.Sorted(maps.Keys(m.Voters))
	at, votes := slices.BinarySearch(voters, leader)
	if votes {
		return slices.Concat(voters[at+1:], voters[:at])
	}
	return slices.Concat(voters[at:], voters[:at])
}

// Rest is what is left of the voters when one of them is removed.
type Rest struct {
	Voters    []int32
	InService []int32 // those of them that are in service
}

// Without returns what is left of the voters without a node.
func Without(voters []int32, node int32, inService func(node int32) bool) Rest {
	rest := slices.DeleteFunc(slices.Clone(voters), func(id int32) bool { return id == node })
	serving := slices.DeleteFunc(slices.Clone(rest), func(id int32) bool { return !inService(id) })
	return Rest{Voters: rest, InService: serving}
}

// Decides reports whether those in service are a majority, without which nothing is decided.
func (r Rest) Decides() bool { return len(r.InService) > len(r.Voters)/2 }

// VotesLost says what to do about a node that has forgotten what it has voted for. It must not vote again: it could
// vote for a second leader in a term in which it has voted for one already.
func VotesLost(node int32) string {
	return fmt.Sprintf(
		"what it has voted for is lost. Replace it with `chronik-server cluster replace-node %d NEW-ID HOST:PORT`, "+
			"and start it with cluster.node_id = NEW-ID and cluster.join = true",
		node,
	)
}
