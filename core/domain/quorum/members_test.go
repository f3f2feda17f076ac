package quorum

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

var members = Members{
	Voters:    map[int32]string{1: "one:1", 2: "two:1", 3: "three:1"},
	Observers: map[int32]string{4: "four:1"},
	Removed:   map[int32]bool{5: true},
}

func TestANodeIsAddedUnderAnIDAndAnAddressOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		node    int32
		address string
		want    fault.Kind
	}{
		"a new node":                  {6, "six:1", fault.None},
		"an observer again":           {4, "four:1", fault.None},
		"an observer elsewhere":       {4, "six:1", fault.DuplicateVoter},
		"a voter":                     {1, "one:1", fault.DuplicateVoter},
		"a removed node":              {5, "five:1", fault.InvalidRequest},
		"at the address of a voter":   {6, "two:1", fault.InvalidRequest},
		"at that of an observer":      {6, "four:1", fault.InvalidRequest},
		"a voter's id with another's": {2, "one:1", fault.DuplicateVoter},
	} {
		if err := members.CheckAdd(c.node, c.address); fault.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestANodeIsRemovedIfTheOthersCanDecideWithoutIt(t *testing.T) {
	directory, other := [16]byte{1}, [16]byte{2}
	for name, c := range map[string]struct {
		removal Removal
		serving []int32
		want    fault.Kind
	}{
		"the others serve":             {Removal{Node: 3}, []int32{1, 2, 3}, fault.None},
		"it is dead":                   {Removal{Node: 3}, []int32{1, 2}, fault.None},
		"one of the others is dead":    {Removal{Node: 3}, []int32{1, 3}, fault.InvalidRequest},
		"nobody serves":                {Removal{Node: 3}, nil, fault.InvalidRequest},
		"an observer, whatever serves": {Removal{Node: 4}, nil, fault.None},
		"no member":                    {Removal{Node: 9}, []int32{1, 2, 3}, fault.VoterNotFound},
		"a former member":              {Removal{Node: 5}, []int32{1, 2, 3}, fault.VoterNotFound},
		"its broker is registered":     {Removal{Node: 3, Registered: true}, []int32{1, 2}, fault.InvalidRequest},
		"under its directory id": {
			Removal{Node: 3, Directory: directory, VotesAs: directory},
			[]int32{1, 2},
			fault.None,
		},
		"under another one": {
			Removal{Node: 3, Directory: directory, VotesAs: other},
			[]int32{1, 2},
			fault.VoterNotFound,
		},
		"under one, though it has none yet": {Removal{Node: 3, Directory: directory}, []int32{1, 2}, fault.VoterNotFound},
	} {
		c.removal.InService = func(node int32) bool { return slices.Contains(c.serving, node) }
		if err := members.CheckRemove(c.removal); fault.KindOf(err) != c.want {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTheLastVoterStays(t *testing.T) {
	alone := Members{Voters: map[int32]string{1: "one:1"}}
	if err := alone.CheckRemove(Removal{
		Node:      1,
		InService: func(int32) bool { return true },
	}); fault.KindOf(err) != fault.InvalidRequest {
		t.Errorf("CheckRemove() = %v", err)
	}
}

func TestFiveNodesVote(t *testing.T) {
	m := Members{Voters: map[int32]string{1: "", 2: "", 3: "", 4: ""}}
	if !m.MayPromote(5) || m.MayPromote(4) {
		t.Error("of four voters, a fifth node gets no vote, or a voter another one")
	}
	m.Voters[5] = ""
	if m.MayPromote(6) {
		t.Error("a sixth node gets a vote")
	}
}

func TestTheLeadershipGoesRound(t *testing.T) {
	for leader, want := range map[int32][]int32{1: {2, 3}, 2: {3, 1}, 3: {1, 2}, 4: {1, 2, 3}, 0: {1, 2, 3}} {
		if got := members.Successors(leader); !slices.Equal(got, want) {
			t.Errorf("after node %d: %v, want %v", leader, got, want)
		}
	}
}

// TestAMajorityIsKept removes voters one after another, as long as it is allowed, while some of them are dead.
func TestAMajorityIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Members{Voters: map[int32]string{}}
		dead := map[int32]bool{}
		for node := range int32(rapid.IntRange(1, MaxVoters).Draw(t, "voters")) {
			m.Voters[node], dead[node] = "x", rapid.Bool().Draw(t, "dead")
		}
		inService := func(node int32) bool { return !dead[node] }
		for _, node := range rapid.SliceOf(rapid.Int32Range(0, MaxVoters-1)).Draw(t, "removals") {
			if _, votes := m.Voters[node]; !votes || m.CheckRemove(Removal{Node: node, InService: inService}) != nil {
				continue
			}
			delete(m.Voters, node)
			serving := 0
			for voter := range m.Voters {
				if inService(voter) {
					serving++
				}
			}
			if 2*serving <= len(m.Voters) {
				t.Fatalf("after node %d was removed, %d of %d voters are in service", node, serving, len(m.Voters))
			}
		}
	})
}
