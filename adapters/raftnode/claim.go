//go:build raft

package raftnode

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
)

// VoteClaimed reports whether NoteVoteClaimed was called for this directory, in this run of the node or before.
func (m *Manager) VoteClaimed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.guard.VoteClaimed
}

// NoteVoteClaimed records durably that the other nodes know this one's incarnation: it may vote from now on.
func (m *Manager) NoteVoteClaimed() error {
	return m.note("that the vote is claimed", func(g *guard) bool {
		noted := !g.VoteClaimed
		g.VoteClaimed = true
		return noted
	})
}

// Founders returns the incarnations that NoteFounders has recorded, by node.
func (m *Manager) Founders() map[int32][16]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	nodes := make(map[int32][16]byte, len(m.guard.Founders))
	for node, incarnation := range m.guard.Founders {
		nodes[node] = [16]byte(incarnation)
	}
	return nodes
}

// NoteFounders records the incarnations of other nodes durably. A recorded one is never replaced: a node that has
// another one now was wiped.
func (m *Manager) NoteFounders(nodes map[int32][16]byte) error {
	return m.note("the nodes that the cluster begins with", func(g *guard) (noted bool) {
		for node, incarnation := range nodes {
			if _, known := g.Founders[node]; !known {
				g.Founders[node], noted = incarnation[:], true
			}
		}
		return noted
	})
}

// noteGroup records that this node has a replica of the group.
func (m *Manager) noteGroup(group Group) error {
	return m.note(fmt.Sprintf("raft group %v", group), func(g *guard) bool {
		if slices.Contains(g.Groups, group.String()) {
			return false
		}
		g.Groups = append(g.Groups, group.String())
		return true
	})
}

// note makes a change of the guard durable, unless it changes nothing.
func (m *Manager) note(what string, change func(*guard) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := m.guard
	changed.Groups, changed.Founders = slices.Clone(m.guard.Groups), maps.Clone(m.guard.Founders)
	if changed.Founders == nil {
		changed.Founders = map[int32][]byte{}
	}
	if !change(&changed) {
		return nil
	}
	if err := changed.write(filepath.Join(m.dir, guardFile)); err != nil {
		return fmt.Errorf("record %s: %w", what, err)
	}
	m.guard = changed
	return nil
}
