package classic

import (
	"bytes"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

func TestStaticMemberRestartsWithoutARebalance(t *testing.T) {
	for name, who := range map[string]int{"leader": 0, "follower": 1} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, immediate())
			instances := []string{"i-0", "i-1"}
			ids := h.stable(instances...)
			generation := h.g.Generation()
			r := h.joined(h.join(request("", instances[who])))
			if r.Err != nil || r.Generation != generation || r.MemberID == ids[who] {
				t.Fatalf("answer %+v, want generation %d and a new member id", r, generation)
			}
			h.is(Stable)
			if leads := who == 0; r.SkipAssignment != leads || (len(r.Members) == 2) != leads ||
				(r.Leader == r.MemberID) != leads {
				t.Errorf("answer %+v, want KIP-814's for a leader: %t", r, leads)
			}
			if s := h.synced(h.sync(r.MemberID, instances[who], generation, nil)); !bytes.Equal(s.Assignment,
				[]byte{byte(who)}) {
				t.Errorf("assignment %v, want the old one", s.Assignment)
			}
			stored := h.log[len(h.log)-1].(group.MetadataRecord).Metadata
			if stored.Members[who].MemberID != r.MemberID || stored.Generation != generation {
				t.Errorf("stored %+v, want the new member id", stored)
			}
		})
	}
}

func TestStaticLeaderOfAnOlderClientIsNotAskedToAssign(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("i-0", "i-1")
	req := request("", "i-0")
	req.CanSkipAssignment = false
	r := h.joined(h.join(req))
	if r.SkipAssignment || r.Members != nil || r.Leader != ids[0] {
		t.Errorf("answer %+v, want its old self %s as the leader", r, ids[0])
	}
}

// Anomaly 14 of the list of what must never happen: static member twins both consume.
func TestStaticTwinsDoNotBothConsume(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("i-0", "i-1")
	generation := h.g.Generation()
	twin := h.joined(h.join(request("", "i-1"))).MemberID
	h.kind(h.heartbeat(ids[1], "i-1", generation), fault.FencedInstanceID)
	h.kind(h.commit(ids[1], "i-1", generation, map[int32]int64{0: 5}), fault.FencedInstanceID)
	h.kind(h.synced(h.sync(ids[1], "i-1", generation, nil)).Err, fault.FencedInstanceID)
	h.kind(h.joined(h.join(request(ids[1], "i-1"))).Err, fault.FencedInstanceID)
	h.kind(h.leave(LeaveMember{MemberID: ids[1], InstanceID: "i-1"})[0].Err, fault.FencedInstanceID)
	// Without its instance id the old one is unknown.
	h.kind(h.heartbeat(ids[1], "", generation), fault.UnknownMemberID)
	h.kind(h.commit(ids[1], "", generation, map[int32]int64{0: 5}), fault.UnknownMemberID)
	h.kind(h.heartbeat(twin, "i-1", generation), fault.None)
	h.kind(h.commit(twin, "i-1", generation, map[int32]int64{0: 5}), fault.None)
	h.is(Stable)
}

func TestStaticTwinIsFencedWhileItWaits(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("i-0", "i-1")
	rebalance := request(ids[0], "i-0") // the leader rejoins, i-1 does not yet
	w := h.join(rebalance)
	h.waits(w)
	twin := h.join(request("", "i-0"))
	h.kind(h.joined(w).Err, fault.FencedInstanceID)
	h.waits(twin)
	h.join(request(ids[1], "i-1"))
	if r := h.joined(twin); r.Err != nil || r.Leader != r.MemberID {
		t.Errorf("the twin's answer %+v, want it to lead", r)
	}
	// Also while members wait for their assignments; then all of them have to rejoin.
	follower := h.sync(ids[1], "i-1", h.g.Generation(), nil)
	again := h.join(request("", "i-1"))
	h.kind(h.synced(follower).Err, fault.FencedInstanceID)
	h.waits(again)
	h.is(PreparingRebalance)
}

func TestStaticMemberThatChangesTheProtocolRebalances(t *testing.T) {
	h := newHarness(t, immediate())
	var waiters []string
	for _, i := range []string{"i-0"} {
		req := request("", i)
		req.Protocols = append(req.Protocols, Protocol{Name: "sticky", Metadata: subscription("orders")})
		waiters = append(waiters, h.join(req))
	}
	r := h.joined(waiters[0])
	h.sync(r.MemberID, "i-0", r.Generation, nil)
	h.is(Stable)
	req := request("", "i-0")
	req.Protocols = []Protocol{{Name: "sticky", Metadata: subscription("orders")}}
	if r := h.joined(h.join(req)); r.Generation != 2 || r.Protocol != "sticky" {
		t.Errorf("answer %+v, want a new generation with sticky", r)
	}
}

func TestStaticMemberStaysUntilItsSessionEnds(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("i-0", "i-1")
	generation := h.g.Generation()
	h.pass(9 * time.Second)
	h.kind(h.heartbeat(ids[0], "i-0", generation), fault.None)
	h.pass(2 * time.Second)
	h.is(PreparingRebalance)
	h.kind(h.heartbeat(ids[1], "i-1", generation), fault.UnknownMemberID)
}

func TestAdministratorRemovesStaticMembersByInstance(t *testing.T) {
	h := newHarness(t, immediate())
	h.stable("i-0", "i-1")
	got := h.leave(LeaveMember{InstanceID: "i-0"}, LeaveMember{InstanceID: "nobody"}, LeaveMember{InstanceID: "i-1"},
		LeaveMember{InstanceID: "i-1"}, LeaveMember{})
	for i, want := range []fault.Kind{
		fault.None, fault.UnknownMemberID, fault.None, fault.UnknownMemberID,
		fault.UnknownMemberID,
	} {
		h.kind(got[i].Err, want)
	}
	h.is(Empty)
}

func TestStaticMemberGoesBackWhenItsNewIDCannotBeStored(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("i-0", "i-1")
	h.hold = true
	w := h.join(request("", "i-1"))
	h.waits(w)
	h.written(fault.CoordinatorNotAvailable)
	h.kind(h.joined(w).Err, fault.CoordinatorNotAvailable)
	h.kind(h.heartbeat(ids[1], "i-1", h.g.Generation()), fault.None)
	h.is(Stable)
}

func TestStaticRejoinThatARebalanceOvertakesJoinsThat(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("i-0", "i-1")
	before := h.g.Generation()
	h.hold = true
	w := h.join(request("", "i-1"))
	leader := h.join(request(ids[0], "i-0"))
	if r := h.joined(w); r.Err != nil || r.Generation != before+1 || h.joined(leader).Generation != before+1 {
		t.Errorf("answer %+v, want the new generation", r)
	}
	h.written(nil)
	h.is(CompletingRebalance)
}

func TestOnlyStaticMembersThatDoNotRejoinWaitForTheirSessions(t *testing.T) {
	h := newHarness(t, immediate())
	req := request("", "i-0")
	req.SessionTimeout = 2 * time.Minute
	r := h.joined(h.join(req))
	h.sync(r.MemberID, "i-0", r.Generation, nil)
	// A dynamic member joins and leaves while the static one is away.
	h.join(request("", ""))
	h.is(PreparingRebalance)
	h.leave(LeaveMember{MemberID: h.g.order[1].id})
	h.pass(61 * time.Second)
	h.is(PreparingRebalance)
	h.pass(2 * time.Minute)
	h.is(Empty)
}
