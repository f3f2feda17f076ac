package controller

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// says returns the answer of a node that knows these incarnations; numbers stand for random ones.
func says(by int32, agreed bool, voters map[int32]byte) KnownVoters {
	k := KnownVoters{By: by, Agreed: agreed, Voters: map[int32][16]byte{}}
	for node, incarnation := range voters {
		k.Voters[node] = [16]byte{incarnation}
	}
	return k
}

func TestANodeVotesOnlyWhenOthersKnowItAsItIs(t *testing.T) {
	const unsaid, mine, lost = 0, 1, 2
	type answers = []KnownVoters
	type votes = map[int32]byte
	for name, c := range map[string]struct {
		joins   bool
		answers answers
		holds   bool
		refused bool
	}{
		"nobody answers":          {},
		"one of two has noted it": {answers: answers{says(2, false, votes{1: mine})}},
		"both have noted it": {
			answers: answers{says(2, false, votes{1: mine}), says(3, false, votes{1: mine})}, holds: true,
		},
		"one has noted it, the other not yet": {
			answers: answers{says(2, false, votes{1: mine}), says(3, false, votes{3: 3})},
		},
		"the other two are new, too":           {answers: answers{says(2, false, votes{2: 2}), says(3, false, votes{3: 3})}},
		"it was agreed on":                     {answers: answers{says(2, true, votes{1: mine})}, holds: true},
		"a majority knows of no claim":         {answers: answers{says(2, true, votes{1: unsaid, 2: 2, 3: 3})}},
		"a majority knows another":             {answers: answers{says(2, true, votes{1: lost})}, refused: true},
		"one without a majority knows another": {answers: answers{says(2, false, votes{1: lost})}, refused: true},
		"one has noted it, one knows another": {
			answers: answers{says(2, false, votes{1: mine}), says(3, false, votes{1: lost})}, refused: true,
		},
		"joining, nobody answers":              {joins: true},
		"joining, one without a majority":      {joins: true, answers: answers{says(2, false, votes{2: 2})}},
		"joining, a majority does not know it": {joins: true, answers: answers{says(2, true, votes{2: 2})}, holds: true},
		"joining, a majority knows it":         {joins: true, answers: answers{says(2, true, votes{1: mine})}, holds: true},
		"joining, a majority knows another":    {joins: true, answers: answers{says(2, true, votes{1: lost})}, refused: true},
		"joining, one of two knows another": {
			joins: true, answers: answers{says(2, true, nil), says(3, false, votes{1: lost})}, refused: true,
		},
		"joining, both have noted it, not more": {
			joins: true, answers: answers{says(2, false, votes{1: mine}), says(3, false, votes{1: mine})},
		},
	} {
		claim := VoteClaim{Node: 1, Incarnation: [16]byte{mine}, Others: []int32{2, 3}, Joins: c.joins}
		holds, err := claim.Holds(c.answers)
		if holds != c.holds || (err != nil) != c.refused || err != nil && fault.KindOf(err) != fault.InconsistentVoterSet {
			t.Errorf("%s: Holds() = %t, %v", name, holds, err)
		}
	}
	alone := VoteClaim{Node: 1, Incarnation: [16]byte{mine}}
	if holds, err := alone.Holds(nil); !holds || err != nil {
		t.Errorf("a cluster of one: Holds() = %t, %v", holds, err)
	}
}

// founder is a node that begins a cluster with others.
type founder struct {
	incarnation           [16]byte
	noted                 map[int32][16]byte
	running, votes, wiped bool
}

// founders are the founders of a cluster, with a count of the directories that they have had.
type founders struct {
	all  [3]founder
	made byte
}

// wipe gives a node an empty directory.
func (f *founders) wipe(id int) {
	f.made++
	f.all[id] = founder{incarnation: [16]byte{f.made}, noted: map[int32][16]byte{}, wiped: f.begun()}
}

// begun reports whether one of them has ever voted.
func (f *founders) begun() bool {
	return slices.ContainsFunc(f.all[:], func(n founder) bool { return n.votes || n.wiped })
}

// ask makes a node ask those that run, record their answers, and vote if it may.
func (f *founders) ask(id int) {
	n := &f.all[id]
	claim := VoteClaim{Node: int32(id), Incarnation: n.incarnation}
	var answers []KnownVoters
	for i, other := range f.all {
		if i == id {
			continue
		}
		claim.Others = append(claim.Others, int32(i))
		if other.running {
			k := KnownVoters{By: int32(i), Voters: maps.Clone(other.noted)}
			k.Voters[int32(i)] = other.incarnation
			answers = append(answers, k)
		}
	}
	for other, incarnation := range claim.Introduced(answers) {
		if _, known := n.noted[other]; !known {
			n.noted[other] = incarnation
		}
	}
	if holds, _ := claim.Holds(answers); holds {
		n.votes = true
	}
}

// TestAWipedNodeDoesNotVoteWhicheverNodesRun lets three nodes begin a cluster, start and stop in any order, and lose
// their directories after one of them has voted.
func TestAWipedNodeDoesNotVoteWhicheverNodesRun(t *testing.T) {
	began := 0
	for seed := range uint64(5000) {
		r, f := rand.New(rand.NewPCG(seed, 0)), new(founders)
		for id := range f.all {
			f.wipe(id)
		}
		for range 60 {
			id := r.IntN(len(f.all))
			switch n := &f.all[id]; {
			case r.IntN(5) == 0:
				n.running = !n.running
			case r.IntN(20) == 0 && f.begun():
				f.wipe(id)
			case n.running && !n.votes:
				f.ask(id)
			}
			if !slices.ContainsFunc(f.all[:], func(n founder) bool { return !n.wiped }) {
				break // no node is left that could know
			}
			if f.all[id].votes && f.all[id].wiped {
				t.Fatalf("seed %d: node %d votes after it was wiped", seed, id)
			}
		}
		if f.begun() {
			began++
		}
	}
	if began < 1000 {
		t.Errorf("only %d of 5000 clusters began", began)
	}
}
