package classic

import "github.com/chronik-stream/chronik/core/domain/group"

// Estimates of the memory that the parts of a group take besides their texts and bytes.
const (
	groupSize    = 1024
	memberSize   = 512
	pendingSize  = 128
	protocolSize = 64
)

// Size estimates how many bytes of memory the group takes, including its committed offsets.
func (g *Group) Size() int { return groupSize + len(g.id) + g.weight + g.offsets.Size() }

// Growth estimates by how many bytes a Join would let the group grow. It is 0 if the member exists and has not changed.
func (g *Group) Growth(req *JoinRequest) int {
	m := g.members[req.MemberID]
	if m == nil {
		m = g.members[g.static[req.InstanceID]]
	}
	joining := member{id: req.MemberID, instanceID: req.InstanceID, client: req.Client, protocols: req.Protocols}
	if m == nil {
		return joining.weight()
	}
	joining.id, joining.assignment = m.id, m.assignment
	return joining.weight() - m.weight()
}

// weight estimates how many bytes of memory the member takes.
func (m *member) weight() int {
	n := memberSize + 2*len(m.id) + 2*len(m.instanceID) + len(m.client.ID) + len(m.client.Host) + len(m.assignment)
	for _, p := range m.protocols {
		n += protocolSize + len(p.Name) + len(p.Metadata)
	}
	return n
}

// assign gives the member its assignment, nil for none.
func (g *Group) assign(m *member, assignment []byte) {
	g.weight += len(assignment) - len(m.assignment)
	m.assignment = assignment
}

// CommitGrowth estimates by how many bytes a commit would let the group grow.
func (g *Group) CommitGrowth(req *group.CommitRequest) int { return g.offsets.Growth(req) }
