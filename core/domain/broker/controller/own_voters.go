package controller

import (
	"context"
	"maps"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// VoterNotes is what this node keeps by itself about who votes, for good.
type VoterNotes interface {
	// VoteClaimed reports whether NoteVoteClaimed was called in this run of the node or before.
	VoteClaimed() bool
	// NoteVoteClaimed records that the other nodes know this one's incarnation: it may vote from now on.
	NoteVoteClaimed() error
	// Founders returns what NoteFounders has recorded.
	Founders() map[int32][16]byte
	// NoteFounders records the incarnations of the nodes that the cluster begins with. One that is recorded stays.
	NoteFounders(nodes map[int32][16]byte) error
}

// OwnVoters is what a node knows of who votes without asking anybody.
type OwnVoters struct {
	claim  VoteClaim
	notes  VoterNotes
	agreed func() map[int32][16]byte
}

// NewOwnVoters returns what the node of claim knows: what it has noted, and what was agreed on as far as it has
// applied that.
func NewOwnVoters(claim VoteClaim, notes VoterNotes, agreed func() map[int32][16]byte) *OwnVoters {
	return &OwnVoters{claim: claim, notes: notes, agreed: agreed}
}

// Node returns this node's id.
func (o *OwnVoters) Node() int32 { return o.claim.Node }

// Others returns the ids of the nodes that this one may ask.
func (o *OwnVoters) Others() []int32 { return o.claim.Others }

// known returns incarnations by node: those that were agreed on, of nodes that have introduced themselves, and this
// node's own.
func (o *OwnVoters) known() map[int32][16]byte {
	known := o.notes.Founders()
	maps.Copy(known, o.agreed())
	known[o.claim.Node] = o.claim.Incarnation
	return known
}

// Describe names the nodes that this one knows. It is fault.NotController always: no majority stands behind it.
func (o *OwnVoters) Describe(context.Context, bool) (QuorumDescription, error) {
	known := o.known()
	q := QuorumDescription{Leader: -1, LeaderEpoch: -1, HighWatermark: -1, Voters: replicasOf(known, known)}
	return q, fault.New(fault.NotController, "the node waits for others, and knows of no majority")
}

// replicasOf describes nodes of which nothing but the incarnation is known.
func replicasOf[V any](nodes map[int32]V, incarnations map[int32][16]byte) []QuorumReplica {
	var all []QuorumReplica
	for _, node := range slices.Sorted(maps.Keys(nodes)) {
		all = append(all,
			QuorumReplica{Node: node, Directory: incarnations[node], LogEndOffset: -1, LastFetch: -1, LastCaughtUp: -1})
	}
	return all
}
