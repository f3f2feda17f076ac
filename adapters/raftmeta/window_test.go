package raftmeta

import (
	"testing"

	"pgregory.net/rapid"
)

// TestAWindowAdmitsEachProposalOnce compares a window with a set that forgets nothing. The proposer keeps to its rules:
// it does not go windowSize ahead of what it waits for. Proposals arrive in any order, some several times and some
// never.
func TestAWindowAdmitsEachProposalOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w window
		boot, low, next := uint64(1), uint64(0), uint64(0)
		seen := map[proposalID]bool{}
		made := []proposalID{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0: // the node is started again
				if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
					boot, low, next = boot+1, 0, 0
				}
			case 1, 2: // the oldest are answered or given up
				low = min(next, low+uint64(rapid.IntRange(0, 2*windowSize).Draw(t, "answered")))
			case 3, 4, 5: // new proposals
				for range rapid.IntRange(1, windowSize).Draw(t, "new") {
					if next-low < windowSize {
						made = append(made, proposalID{Boot: boot, Sequence: next, Low: low})
						next++
					}
				}
			default: // one arrives
				if len(made) == 0 {
					continue
				}
				id := rapid.SampledFrom(made).Draw(t, "id")
				name := proposalID{Boot: id.Boot, Sequence: id.Sequence}
				current := id.Boot == w.Boot
				v := w.admit(id)
				if v == admitted && seen[name] {
					t.Fatalf("%+v is admitted twice", id)
				}
				if v != admitted && !seen[name] && id.Boot == boot && id.Sequence >= low && current {
					t.Fatalf("%+v is not admitted (%d), and its proposer waits from %d", id, v, low)
				}
				seen[name] = seen[name] || v == admitted
			}
		}
	})
}
