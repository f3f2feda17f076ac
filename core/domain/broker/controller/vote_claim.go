package controller

import (
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// VoteClaim is a node's claim to be the voter that its id stands for. A node whose directory was lost has
// forgotten what it has promised with its votes, and does not know that. The others do: a directory's incarnation
// is made up at random with it. So a node must not vote before others know its incarnation, and never when they
// know another one under its id.
type VoteClaim struct {
	Node        int32
	Incarnation [16]byte
	Others      []int32 // with which the cluster begins; of a node that joins, those that it may ask
	Joins       bool    // the cluster is there already, and gives the node a vote later
}

// KnownVoters is what one node says of who votes.
type KnownVoters struct {
	By     int32
	Agreed bool               // a majority stands behind it: it lacks nothing that was agreed on
	Voters map[int32][16]byte // incarnations by node; zero where there is none yet
}

// Holds reports whether the node may take part in decisions on the metadata, judging by what the others have answered.
// Until then it has to wait:
//
//   - A node with which the cluster begins may vote when each of the others has noted its incarnation, or when it was agreed on. Each: else two nodes
//     that were wiped could begin a new cluster while the third, which has everything, does not run.
//   - A node that joins may follow when a majority says that it knows no other incarnation of it. It claims its vote before it gets one.
//
// The error is fault.InconsistentVoterSet when anybody knows the node by another incarnation: it has lost its votes.
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

// Missing returns the other nodes that have not noted this node's incarnation, as far as is known.
func (c *VoteClaim) Missing(answers []KnownVoters) []int32 {
	missing := slices.Clone(c.Others)
	for _, a := range answers {
		if a.Voters[c.Node] == c.Incarnation {
			missing = slices.DeleteFunc(missing, func(other int32) bool { return other == a.By })
		}
	}
	return missing
}

// Introduced returns the incarnations by which the other nodes introduce themselves. A node that begins a cluster
// notes them, for good, before it looks whether its claim holds: when it votes, so can they, and it is among those who
// tell whether one was wiped.
func (c *VoteClaim) Introduced(answers []KnownVoters) map[int32][16]byte {
	nodes := make(map[int32][16]byte)
	for _, a := range answers {
		if own := a.Voters[a.By]; own != [16]byte{} {
			nodes[a.By] = own
		}
	}
	return nodes
}
