package classic

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

func TestSyncIsAnsweredWhenTheLeadersAssignmentIsDurable(t *testing.T) {
	h := newHarness(t, unlimited())
	w0, w1 := h.join(request("", "")), h.join(request("", ""))
	h.pass(6 * time.Second)
	leader, follower := h.joined(w0).MemberID, h.joined(w1).MemberID
	early := h.sync(follower, "", 1, nil)
	h.waits(early)
	h.hold = true
	own := h.sync(leader, "", 1, map[string][]byte{leader: {1}, follower: {2}, "stranger": {3}})
	h.waits(early)
	h.waits(own)
	h.is(CompletingRebalance)
	// A second assignment of the leader does not change what members are told.
	again := h.sync(leader, "", 1, map[string][]byte{leader: {2}, follower: {1}})
	h.kind(h.synced(own).Err, fault.RebalanceInProgress)
	h.written(nil)
	h.is(Stable)
	if r := h.synced(early); r.Err != nil || !bytes.Equal(r.Assignment, []byte{2}) || r.Protocol != "range" ||
		r.ProtocolType != "consumer" {
		t.Errorf("follower's answer %+v", r)
	}
	if r := h.synced(again); !bytes.Equal(r.Assignment, []byte{1}) {
		t.Errorf("leader's answer %+v", r)
	}
	if m := h.log[len(h.log)-1].(group.MetadataRecord).Metadata; len(m.Members) != 2 {
		t.Errorf("stored %+v, want the two members", m)
	}
}

func TestAssignmentThatCannotBeStoredRebalances(t *testing.T) {
	h := newHarness(t, immediate())
	r := h.joined(h.join(request("", "")))
	h.hold = true
	w := h.sync(r.MemberID, "", 1, map[string][]byte{r.MemberID: {1}})
	h.written(fault.Unknown)
	if err := h.synced(w).Err; fault.KindOf(err) != fault.Unknown {
		t.Errorf("answer %v, want an unknown error", err)
	}
	h.is(PreparingRebalance)
	if r := h.joined(h.join(request(r.MemberID, ""))); r.Generation != 2 {
		t.Errorf("rejoin is answered %+v, want generation 2", r)
	}
}

func TestMemberThatJoinsWhileTheAssignmentIsWrittenRebalances(t *testing.T) {
	h := newHarness(t, immediate())
	r := h.joined(h.join(request("", "")))
	h.hold = true
	w := h.sync(r.MemberID, "", 1, map[string][]byte{r.MemberID: {1}})
	h.join(request("", ""))
	h.kind(h.synced(w).Err, fault.RebalanceInProgress)
	h.written(nil)
	h.is(PreparingRebalance)
	if r := h.joined(h.join(request(r.MemberID, ""))); r.Generation != 2 || len(r.Members) != 2 {
		t.Errorf("rejoin is answered %+v, want generation 2 with two members", r)
	}
}

func TestSyncOfTheWrongMemberGenerationOrProtocol(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	h.kind(h.synced(h.sync("nobody", "", 1, nil)).Err, fault.UnknownMemberID)
	h.kind(h.synced(h.sync(ids[0], "", 7, nil)).Err, fault.IllegalGeneration)
	other := "connect"
	for name, req := range map[string]*SyncRequest{
		"type":     {MemberID: ids[0], Generation: 1, ProtocolType: &other},
		"protocol": {MemberID: ids[0], Generation: 1, Protocol: &other},
	} {
		h.take(h.g.Sync(h.now, req, func(r SyncResponse) { h.syncs[name] = r }))
		h.kind(h.synced(name).Err, fault.InconsistentGroupProtocol)
	}
}

func TestMembersThatNeverSyncAreRemoved(t *testing.T) {
	for name, leaderSyncs := range map[string]bool{"in CompletingRebalance": false, "in Stable": true} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, unlimited())
			w0, w1 := h.join(request("", "")), h.join(request("", ""))
			h.pass(6 * time.Second)
			leader, follower := h.joined(w0).MemberID, h.joined(w1).MemberID
			syncs := follower
			if leaderSyncs {
				syncs = leader
			}
			h.sync(syncs, "", 1, nil)
			for range 5 { // both send heartbeats
				h.pass(5 * time.Second)
				for _, id := range []string{leader, follower} {
					h.kind(h.heartbeat(id, "", 1), fault.None)
				}
			}
			h.pass(6 * time.Second)
			h.is(PreparingRebalance)
			if len(h.g.members) != 1 || h.g.members[syncs] == nil {
				t.Errorf("members %+v, want only the one that synced", h.g.Describe().Members)
			}
		})
	}
}

func TestSessionsEndWithoutHeartbeats(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	for range 5 {
		h.pass(8 * time.Second)
		h.kind(h.heartbeat(ids[0], "", 2), fault.None)
		if len(h.g.members) == 1 {
			break
		}
		h.kind(h.heartbeat(ids[1], "", 2), fault.None)
	}
	h.pass(3 * time.Second)
	h.kind(h.heartbeat(ids[1], "", 2), fault.None)
	h.pass(8 * time.Second)
	h.is(PreparingRebalance)
	h.kind(h.heartbeat(ids[0], "", 2), fault.UnknownMemberID)
	h.pass(time.Hour)
	h.is(Empty)
	last := h.log[len(h.log)-1].(group.MetadataRecord).Metadata
	if len(last.Members) != 0 || last.Generation != h.g.Generation() || last.Leader != "" ||
		last.ProtocolType != "consumer" {
		t.Errorf("stored %+v, want an empty generation", last)
	}
	if !h.g.Wake().IsZero() {
		t.Error("an empty group wants to be woken")
	}
}

func TestHeartbeat(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	h.kind(h.heartbeat(ids[0], "", 1), fault.None)
	h.kind(h.heartbeat(ids[0], "", 2), fault.IllegalGeneration)
	h.kind(h.heartbeat("nobody", "", 1), fault.UnknownMemberID)
	h.kind(h.heartbeat(ids[0], "i-0", 1), fault.UnknownMemberID)
}

func TestLeaveInABatchRebalancesOnce(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "", "")
	got := h.leave(LeaveMember{MemberID: ids[0]}, LeaveMember{MemberID: ids[1], Reason: "closing"},
		LeaveMember{MemberID: "nobody"})
	h.kind(got[0].Err, fault.None)
	h.kind(got[1].Err, fault.None)
	h.kind(got[2].Err, fault.UnknownMemberID)
	h.is(PreparingRebalance)
	if r := h.joined(h.join(request(ids[2], ""))); r.Leader != ids[2] || r.Generation != 3 {
		t.Errorf("answer %+v, want generation 3 led by the one that is left", r)
	}
	reasons := ""
	var reasonsSb159 strings.Builder
	for _, e := range h.events {
		reasonsSb159.WriteString(e.Reason + ";")
	}
	reasons += reasonsSb159.String()
	if !bytes.Contains([]byte(reasons), []byte("closing")) {
		t.Errorf("events do not tell the reason: %q", reasons)
	}
}

func TestLeaveOfAllMembersEmptiesTheGroup(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	h.leave(LeaveMember{MemberID: ids[0]})
	h.leave(LeaveMember{MemberID: ids[1]})
	h.is(Empty)
	if d := h.g.Describe(); d.State != "Empty" || d.ProtocolType != "consumer" || d.Protocol != "" || len(d.Members) != 0 {
		t.Errorf("described as %+v", d)
	}
}

func TestPendingMemberMayLeave(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	req := request("", "")
	req.RequireMemberID = true
	pending := h.joined(h.join(req)).MemberID
	h.kind(h.leave(LeaveMember{MemberID: pending})[0].Err, fault.None)
	h.is(Stable)
	if r := h.joined(h.join(request(ids[0], ""))); r.Generation != 2 {
		t.Errorf("the rebalance still waits for the pending member: %+v", r)
	}
}

func TestLeaveAnswersWhatTheMemberWaitsFor(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	w := h.join(request(ids[0], ""))
	h.leave(LeaveMember{MemberID: ids[0]})
	h.kind(h.joined(w).Err, fault.UnknownMemberID)
	r := h.joined(h.join(request(ids[1], "")))
	h.hold = true
	s := h.sync(ids[1], "", r.Generation, nil)
	h.leave(LeaveMember{MemberID: ids[1]})
	h.kind(h.synced(s).Err, fault.UnknownMemberID)
	h.written(nil)
	h.is(Empty)
}

func TestAbandonAnswersEverybody(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	w := h.join(request(ids[0], ""))
	h.take(h.g.Abandon(h.now, fault.NotCoordinator))
	h.kind(h.joined(w).Err, fault.NotCoordinator)
	h.is(Dead)
	h.kind(h.heartbeat(ids[0], "", 2), fault.CoordinatorNotAvailable)
	h.kind(h.joined(h.join(request("", ""))).Err, fault.CoordinatorNotAvailable)
	h.kind(h.synced(h.sync(ids[0], "", 2, nil)).Err, fault.CoordinatorNotAvailable)
	if _, err := h.g.Leave(h.now, nil); !errors.Is(err, fault.CoordinatorNotAvailable) {
		t.Errorf("Leave() = %v", err)
	}
}

func TestRestoredGroupGoesOnWhereItWas(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "i-1")
	generation := h.g.Generation()
	h.kind(h.commit(ids[0], "", generation, map[int32]int64{0: 42}), fault.None)
	g := NewFromLog("g")
	for _, r := range h.log {
		g.Apply(r)
	}
	h.g = g
	h.take(g.Restore(h.now, h.settings))
	h.is(Stable)
	h.kind(h.heartbeat(ids[0], "", generation), fault.None)
	if r := h.synced(h.sync(ids[1], "i-1", generation, nil)); !bytes.Equal(r.Assignment, []byte{1}) {
		t.Errorf("assignment %+v, want the old one", r)
	}
	if o, _ := g.Offset(group.TopicPartition{Topic: "orders"}); o.Offset != 42 {
		t.Errorf("offset %+v, want 42", o)
	}
	h.pass(9 * time.Second)
	h.is(Stable)
	h.pass(2 * time.Second) // both sessions end, counted from the restart
	h.is(Empty)
}
