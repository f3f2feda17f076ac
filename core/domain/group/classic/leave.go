package classic

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Leave removes the members, fills in the result of each, and rebalances once.
func (g *Group) Leave(now time.Time, members []LeaveMember) (Effects, error) {
	g.begin(now)
	if g.state == Dead {
		return g.end(), fault.CoordinatorNotAvailable
	}
	left := ""
	for i := range members {
		m := &members[i]
		id := m.MemberID
		if id == "" { // an administrator names the instance only
			id = g.static[m.InstanceID]
		}
		if _, ok := g.pending[id]; ok {
			g.forgetPending(id)
			g.report("pending member left", id, m.Reason)
			continue
		}
		if m.Err = g.checkLeave(m, id); m.Err == nil {
			g.report("member left", id, m.Reason)
			g.remove(id)
			left = id
		}
	}
	switch {
	case g.state == PreparingRebalance:
		g.completeIfJoined()
	case left != "" && (g.state == Stable || g.state == CompletingRebalance):
		g.prepareRebalance("member " + left + " has left")
	}
	return g.end(), nil
}

func (g *Group) checkLeave(m *LeaveMember, id string) error {
	if m.MemberID == "" && id == "" {
		return fault.UnknownMemberID
	}
	return g.checkMember(id, m.InstanceID)
}
