package controller

import (
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// VoteClaim is a node's claim to be the voter with its id. A node that has lost its directory has forgotten what it has
// promised with its votes, and does not know that. The other nodes know it, because each directory has a random
// incarnation. So a node must not vote before the others know its incarnation, and never if they know another one under
// its id.
type VoteClaim struct {
	Node        int32
	Incarnation [16]byte
	Others      []int32 // the other founders of the cluster; for a node that joins, the nodes that it may ask
	Joins       bool    // the cluster exists already, and gives the node a vote later
}

// KnownVoters is what one node knows about the voters.
type KnownVoters struct {
	By     int32
	Agreed bool               // confirmed by a majority: nothing that was agreed on is missing
	Voters map[int32][16]byte // incarnations by node; zero if there is none yet
}

// Holds reports whether the node may take part in decisions on the metadata, given the answers of other nodes. Until
// then it has to wait:
//
//   - A founder of the cluster may vote when its incarnation was agreed on, or when each of the other founders has
//     recorded it. All of them are needed: otherwise two nodes that were wiped could begin a new cluster while the
//     third one, which has all data, does not run.
//   - A node that joins may follow when a majority says that it knows no other incarnation of the node. It claims its
//     vote before it gets one.
//
// The error is fault.InconsistentVoterSet when any node knows another incarnation: this one has lost its votes.
func (c *VoteClaim) Holds(answers []KnownVoters) (bool, error) {
	agreed := false
	for _, a := range answers {
		switch known := a.Voters[c.Node]; {
		case known != [16]byte{} && known != c.Incarnation:
			return false, fault.New(fault.InconsistentVoterSet,
				"node %d has no data, but has been a member of the cluster, as node %d says", c.Node, a.By)
		case a.Agreed:
			agreed = agreed || c.Joins || known == c.Incarnation
		}
	}
	return agreed || !c.Joins && len(c.Missing(answers)) == 0, nil
}

// Missing returns the other nodes that are not known to have recorded this node's incarnation.
func (c *VoteClaim) Missing(answers []KnownVoters) []int32 {
	missing := slices.Clone(c.Others)
	for _, a := range answers {
		if a.Voters[c.Node] == c.Incarnation {
			missing = slices.DeleteFunc(missing, func(other int32) bool { return other == a.By })
		}
	}
	return missing
}

// Introduced returns the incarnations that the other nodes give for themselves. A founder of a cluster records them
// durably before it checks its own claim: once it votes, they may vote as well, and it is one of the nodes that can
// tell whether one of them was wiped.
func (c *VoteClaim) Introduced(answers []KnownVoters) map[int32][16]byte {
	nodes := make(map[int32][16]byte)
	for _, a := range answers {
		if own := a.Voters[a.By]; own != [16]byte{} {
			nodes[a.By] = own
		}
	}
	return nodes
}
