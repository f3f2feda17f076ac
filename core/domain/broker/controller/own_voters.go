package controller

import (
	"context"
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// VoterNotes stores what this node has to remember about the voters. What it records is durable on return.
type VoterNotes interface {
	// VoteClaimed reports whether NoteVoteClaimed was ever called on this data directory.
	VoteClaimed() bool
	// NoteVoteClaimed records that the other nodes know this one's incarnation, so that it may vote.
	NoteVoteClaimed() error
	// Founders returns what NoteFounders has recorded.
	Founders() map[int32][16]byte
	// NoteFounders records the incarnations of the nodes that the cluster begins with. A recorded one is not replaced.
	NoteFounders(nodes map[int32][16]byte) error
}

// OwnVoters is what a node knows about the voters without asking others.
type OwnVoters struct {
	claim  VoteClaim
	notes  VoterNotes
	agreed func() map[int32][16]byte
}

// NewOwnVoters returns what the node of claim knows from its notes, and from what was agreed on as far as it has
// applied that.
func NewOwnVoters(claim VoteClaim, notes VoterNotes, agreed func() map[int32][16]byte) *OwnVoters {
	return &OwnVoters{claim: claim, notes: notes, agreed: agreed}
}

// Node returns this node's id.
func (o *OwnVoters) Node() int32 { return o.claim.Node }

// Others returns the ids of the nodes that this one may ask.
func (o *OwnVoters) Others() []int32 { return o.claim.Others }

// known returns incarnations by node: those that were agreed on, those of founders that were recorded, and this node's
// own.
func (o *OwnVoters) known() map[int32][16]byte {
	known := o.notes.Founders()
	maps.Copy(known, o.agreed())
	known[o.claim.Node] = o.claim.Incarnation
	return known
}

// Describe returns the nodes that this one knows. The error is always fault.NotController, because no majority has
// confirmed them.
func (o *OwnVoters) Describe(context.Context, bool) (QuorumDescription, error) {
	known := o.known()
	q := QuorumDescription{Leader: -1, LeaderEpoch: -1, HighWatermark: -1, Voters: replicasOf(known, known)}
	return q, fault.New(fault.NotController, "the node waits for other nodes and does not know a majority yet")
}

// replicasOf describes nodes of which only the incarnation is known.
func replicasOf[V any](nodes map[int32]V, incarnations map[int32][16]byte) []QuorumReplica {
	var all []QuorumReplica
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		all = append(all,
			QuorumReplica{Node: node, Directory: incarnations[node], LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1})
	}
	return all
}
