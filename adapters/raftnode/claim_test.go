//go:build raft

package raftnode

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reopened closes a node's manager and opens it again.
func (n *node) reopened(t *testing.T) *Manager {
	t.Helper()
	if n.manager != nil {
		if err := n.manager.Close(); err != nil {
			t.Fatal(err)
		}
	}
	m, err := Open(n.set, logTo(t))
	if err != nil {
		t.Fatal(err)
	}
	n.manager = m
	return m
}

func TestWhatIsNotedOfClaimsOutlivesRestarts(t *testing.T) {
	n := newNode(t, 0)
	m := n.reopened(t)
	if m.VoteClaimed() || len(m.Founders()) > 0 {
		t.Errorf("a new directory: vote claimed %t, founders %v", m.VoteClaimed(), m.Founders())
	}
	if m = n.reopened(t); m.VoteClaimed() {
		t.Error("a second start claims the vote")
	}
	for _, nodes := range []map[int32][16]byte{{1: {1}}, {1: {9}, 2: {2}}, {}} { // node 1 was wiped meanwhile
		if err := m.NoteFounders(nodes); err != nil {
			t.Fatal(err)
		}
	}
	if m = n.reopened(t); m.VoteClaimed() {
		t.Error("knowing others claims the vote")
	}
	if err := m.NoteVoteClaimed(); err != nil {
		t.Fatal(err)
	}
	m = n.reopened(t)
	if diff := cmp.Diff(map[int32][16]byte{1: {1}, 2: {2}}, m.Founders()); diff != "" || !m.VoteClaimed() {
		t.Errorf("vote claimed %t, founders (-want +got):\n%s", m.VoteClaimed(), diff)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}
