package classic

import (
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
)

func unlimited() Settings { return Settings{InitialRebalanceDelay: 3 * time.Second, MaxSize: 1 << 30} }

func immediate() Settings { return Settings{MaxSize: 1 << 30} }

func TestJoinWithUnknownMemberIDOfADynamicMemberIsToldItsID(t *testing.T) {
	h := newHarness(t, unlimited())
	req := request("", "")
	req.RequireMemberID = true
	r := h.joined(h.join(req))
	h.kind(r.Err, fault.MemberIDRequired)
	if r.MemberID != "client-1" || r.Generation != -1 {
		t.Errorf("answer %+v, want the id client-1", r)
	}
	if len(h.log) != 1 || h.log[0].(group.MetadataRecord).Metadata.Generation != 0 {
		t.Errorf("log %+v, want the group's creation", h.log)
	}
	req.MemberID = r.MemberID
	w := h.join(req)
	h.waits(w)
	h.pass(3 * time.Second)
	if got := h.joined(w); got.Err != nil || got.Generation != 1 || got.Leader != "client-1" ||
		got.MemberID != "client-1" || len(got.Members) != 1 || got.Protocol != "range" {
		t.Errorf("answer %+v, want generation 1 with itself as leader", got)
	}
}

func TestPendingMemberThatDoesNotComeBackIsForgotten(t *testing.T) {
	h := newHarness(t, unlimited())
	req := request("", "")
	req.RequireMemberID = true
	r := h.joined(h.join(req))
	h.pass(req.SessionTimeout)
	req.MemberID = r.MemberID
	h.kind(h.joined(h.join(req)).Err, fault.UnknownMemberID)
	h.is(Empty)
	if w := h.g.ExpireOffsets(h.now, time.Hour); len(w.Records) != 1 || h.g.State() != Dead {
		t.Errorf("the empty group is not removed: %+v, %v", w, h.g.State())
	}
}

func TestPendingMemberHoldsTheRebalance(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	req := request("", "")
	req.RequireMemberID = true
	pending := h.joined(h.join(req)).MemberID
	h.is(Stable)
	w := h.join(request(ids[0], "")) // the leader asks for a rebalance
	h.waits(w)
	req.MemberID = pending
	w2 := h.join(req)
	if h.joined(w).Generation != 2 || h.joined(w2).Generation != 2 {
		t.Error("the rebalance did not end when the pending member came")
	}
}

func TestInitialRebalanceDelayIsExtendedByNewMembers(t *testing.T) {
	h := newHarness(t, unlimited())
	first := h.join(request("", ""))
	var later []string
	for range 3 {
		h.pass(2 * time.Second)
		later = append(later, h.join(request("", "")))
	}
	h.waits(first)
	h.pass(3*time.Second + 3*time.Second)
	if r := h.joined(first); r.Generation != 1 || len(r.Members) != 4 {
		t.Errorf("answer %+v, want one generation of 4 members", r)
	}
	for _, w := range later {
		if r := h.joined(w); r.Generation != 1 || r.Members != nil {
			t.Errorf("follower's answer %+v, want generation 1 without members", r)
		}
	}
}

func TestInitialRebalanceDelayEndsWithTheRebalanceTimeout(t *testing.T) {
	h := newHarness(t, unlimited())
	start := h.now
	first := h.join(request("", ""))
	for h.joins[first].Generation == 0 {
		h.pass(time.Second)
		h.join(request("", ""))
		if h.now.Sub(start) > time.Minute {
			t.Fatal("members that keep coming put the first generation off for ever")
		}
	}
	if took := h.now.Sub(start); took != 30*time.Second {
		t.Errorf("the first generation took %v, want the rebalance time-out of 30s", took)
	}
}

func TestJoinWithAnotherProtocolIsRefused(t *testing.T) {
	h := newHarness(t, immediate())
	h.stable("")
	otherType := request("", "")
	otherType.ProtocolType = "connect"
	otherProtocol := request("", "")
	otherProtocol.Protocols = []Protocol{{Name: "roundrobin"}}
	for _, req := range []*JoinRequest{otherType, otherProtocol} {
		h.kind(h.joined(h.join(req)).Err, fault.InconsistentGroupProtocol)
	}
	empty := newHarness(t, immediate())
	none := request("", "")
	none.Protocols = nil
	empty.kind(empty.joined(empty.join(none)).Err, fault.InconsistentGroupProtocol)
	if !empty.g.Vacant() {
		t.Error("a refused join leaves a group behind")
	}
	h.is(Stable)
}

func TestProtocolIsSelectedByVoteAmongThoseThatAllSupport(t *testing.T) {
	h := newHarness(t, unlimited())
	var waiters []string
	for _, names := range [][]string{{"a", "b", "c"}, {"c", "b"}, {"x", "c", "b"}} {
		req := request("", "")
		req.Protocols = nil
		for _, n := range names {
			req.Protocols = append(req.Protocols, Protocol{Name: n, Metadata: []byte(n)})
		}
		waiters = append(waiters, h.join(req))
	}
	h.pass(10 * time.Second)
	r := h.joined(waiters[0])
	if r.Protocol != "c" { // b gets one vote, c two
		t.Errorf("selected %q, want c", r.Protocol)
	}
	for _, m := range r.Members {
		if string(m.Metadata) != "c" {
			t.Errorf("leader sees metadata %q of %s, want that of c", m.Metadata, m.MemberID)
		}
	}
}

func TestGroupMaxSizeKeepsNewMembersOut(t *testing.T) {
	s := immediate()
	s.MaxSize = 2
	h := newHarness(t, s)
	ids := h.stable("", "")
	r := h.joined(h.join(request("", "")))
	h.kind(r.Err, fault.GroupMaxSizeReached)
	h.is(Stable)
	if r := h.joined(h.join(request(ids[1], ""))); r.Err != nil || r.Generation != h.g.Generation() {
		t.Errorf("a member's rejoin is answered %+v", r)
	}
}

func TestLoadedGroupAboveMaxSizeShrinksToIt(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "", "")
	g := NewFromLog("g")
	for _, r := range h.log {
		g.Apply(r)
	}
	h.g, h.settings.MaxSize = g, 2
	h.take(h.g.Restore(h.now, h.settings))
	h.is(PreparingRebalance)
	var refused int
	for _, id := range ids {
		w := h.join(request(id, ""))
		if fault.KindOf(h.joins[w].Err) == fault.GroupMaxSizeReached {
			refused++
		}
	}
	h.pass(30 * time.Second)
	if refused != 1 || len(h.g.members) != 2 {
		t.Errorf("%d were refused and %d are left, want 1 and 2", refused, len(h.g.members))
	}
}

func TestRejoinWithUnchangedMetadataKeepsTheGeneration(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	generation := h.g.Generation()
	r := h.joined(h.join(request(ids[1], "")))
	if r.Err != nil || r.Generation != generation || r.Members != nil {
		t.Errorf("follower's rejoin: %+v, want generation %d", r, generation)
	}
	h.is(Stable)
	if s := h.synced(h.sync(ids[1], "", generation, nil)); len(s.Assignment) != 1 {
		t.Errorf("its sync: %+v, want its assignment", s)
	}
}

func TestLeaderRejoinsAndChangedMetadataRebalance(t *testing.T) {
	for name, who := range map[string]int{"leader": 0, "changed follower": 1} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t, immediate())
			ids := h.stable("", "")
			req := request(ids[who], "")
			if who == 1 {
				req.Protocols[0].Metadata = subscription("orders", "payments")
			}
			w := h.join(req)
			h.is(PreparingRebalance)
			h.waits(w)
			other := ids[1-who]
			h.kind(h.heartbeat(other, "", h.g.Generation()), fault.RebalanceInProgress)
			// KIP-429: the other may rejoin in its own time and keeps what it has until then.
			w2 := h.join(request(other, ""))
			if h.joined(w).Generation != h.joined(w2).Generation {
				t.Error("two generations")
			}
			h.is(CompletingRebalance)
		})
	}
}

func TestMemberThatDoesNotRejoinInTimeIsRemoved(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	w := h.join(request(ids[0], ""))
	for range 4 { // alive, but does not rejoin
		h.pass(6 * time.Second)
		h.kind(h.heartbeat(ids[1], "", h.g.Generation()), fault.RebalanceInProgress)
	}
	h.waits(w)
	h.pass(6 * time.Second)
	if r := h.joined(w); len(r.Members) != 1 {
		t.Errorf("new generation has members %+v, want the leader only", r.Members)
	}
	h.kind(h.heartbeat(ids[1], "", h.g.Generation()), fault.UnknownMemberID)
}

func TestLeaderThatDoesNotRejoinIsReplaced(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	req := request(ids[1], "")
	req.Protocols[0].Metadata = subscription("payments")
	w := h.join(req)
	h.pass(40 * time.Second)
	if r := h.joined(w); r.Leader != ids[1] || len(r.Members) != 1 {
		t.Errorf("answer %+v, want %s to lead", r, ids[1])
	}
}

func TestOfTwoJoinsOfOneMemberTheOlderIsAnswered(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("", "")
	older := h.join(request(ids[0], ""))
	newer := h.join(request(ids[0], ""))
	h.kind(h.joined(older).Err, fault.RebalanceInProgress)
	h.waits(newer)
}

func TestNewMemberOfADeadConnectionDoesNotStayForEver(t *testing.T) {
	h := newHarness(t, immediate())
	ids := h.stable("")
	h.join(request("", "")) // its answer is not read, and it never syncs
	h.join(request(ids[0], ""))
	h.is(CompletingRebalance)
	h.sync(ids[0], "", h.g.Generation(), nil)
	for range 10 {
		h.pass(5 * time.Second)
		if h.heartbeat(ids[0], "", h.g.Generation()) != nil {
			h.sync(ids[0], "", h.joined(h.join(request(ids[0], ""))).Generation, nil)
		}
	}
	h.is(Stable)
	if len(h.g.members) != 1 {
		t.Errorf("members %v, want the living one", h.g.Describe().Members)
	}
}
