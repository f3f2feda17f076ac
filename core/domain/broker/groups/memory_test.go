package groups

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/coordinator/coordinatortest"
	"github.com/chronik-stream/chronik/core/domain/broker/groups/groupstest"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

func TestGroupsTakeNoMoreThanTheirMemory(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		g.deps.Memory.SetLimit(10_000)
		ids, generation := groupstest.Form(t, g, "g", 2)
		large := groupstest.JoinRequest("h", "", "")
		large.Protocols[0].Metadata = make([]byte, 8000)
		groupstest.Kind(t, g.Join(t.Context(), large).Err, fault.CoordinatorLoadInProgress)
		if got, err := g.List(t.Context(), nil, nil); err != nil || len(got) != 1 {
			t.Errorf("List() = %+v, %v: a refused join leaves a group behind", got, err)
		}
		groupstest.Kind(t, g.Heartbeat(t.Context(), classic.HeartbeatRequest{
			Group:    "g",
			MemberID: ids[1], Generation: generation,
		}), fault.None)
		g.deps.Memory.SetLimit(0)
		if r := g.Join(t.Context(), groupstest.JoinRequest("g", ids[1], "")); r.Err != nil || r.Generation != generation {
			t.Errorf("a member that is there comes back: %+v", r)
		}
		g.deps.Memory.SetLimit(10_000)
		groupstest.Kind(t, g.Leave(t.Context(), "g", []classic.LeaveMember{{MemberID: ids[0]}, {MemberID: ids[1]}}),
			fault.None)
		time.Sleep(time.Second)
		groupstest.Kind(t, g.Delete(t.Context(), "g"), fault.None)
		time.Sleep(time.Second)
		if used := g.deps.Memory.Used(); used != 0 {
			t.Errorf("%d bytes are accounted for without a group", used)
		}
		if r := g.Join(t.Context(), large); r.Err != nil {
			t.Errorf("once there is room: %v", r.Err)
		}
	})
}

func TestAnAssignmentWithoutMemoryIsRefused(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		r := g.Join(t.Context(), groupstest.JoinRequest("g", "", ""))
		groupstest.Kind(t, r.Err, fault.None)
		g.deps.Memory.SetLimit(g.deps.Memory.Used() + 1000)
		sync := classic.SyncRequest{
			Group: "g", MemberID: r.MemberID, Generation: r.Generation,
			Assignments: map[string][]byte{r.MemberID: make([]byte, 2000)},
		}
		groupstest.Kind(t, g.Sync(t.Context(), sync).Err, fault.CoordinatorNotAvailable)
		sync.Assignments[r.MemberID] = make([]byte, 500)
		groupstest.Kind(t, g.Sync(t.Context(), sync).Err, fault.None)
	})
}

func TestGroupsOfARestartAreAccountedFor(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		groupstest.Form(t, g, "g", 3)
		before := g.deps.Memory.Used()
		second := g.restart()
		defer second.stop()
		if _, err := second.List(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		if used := second.deps.Memory.Used(); used != before {
			t.Errorf("%d bytes are accounted for, before the restart %d", used, before)
		}
	})
}

func TestCommittedOffsetsTakeNoMoreThanTheGroupsMemory(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 1)), fault.None)
		used := g.deps.Memory.Used()
		g.deps.Memory.SetLimit(used)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "", -1, 2)), fault.None) // has its place
		more := groupstest.CommitOf("g", "", -1, 1)
		more.Offsets[0].Partition = 1
		groupstest.Kind(t, g.Commit(t.Context(), more), fault.CoordinatorLoadInProgress)
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("h", "", -1, 1)), fault.CoordinatorLoadInProgress)
		// whatever the memory
		groupstest.Kind(t, g.Commit(t.Context(), groupstest.CommitOf("g", "nobody", 7, 1)), fault.UnknownMemberID)
		if got, err := g.List(t.Context(), nil, nil); err != nil || len(got) != 1 || g.deps.Memory.Used() != used {
			t.Errorf("List() = %+v, %v: a refused commit leaves a group behind, or %d bytes", got, err,
				g.deps.Memory.Used()-used)
		}
		second := g.restart()
		defer second.stop()
		if got := groupstest.Committed(t, second, "g"); got != 2 || second.deps.Memory.Used() != used {
			t.Errorf("after a restart the offset is %d, and %d bytes are accounted for, before %d", got,
				second.deps.Memory.Used(), used)
		}
	})
}

func TestEventsOfGroupsAreLoggedAtABoundedRate(t *testing.T) {
	runGroups(t, coordinatortest.NewLog(0), func(t *testing.T, g *fixture) {
		var out bytes.Buffer
		g.events = limitedlog.New(slog.New(slog.NewTextHandler(&out, nil)), eventsPerPeriod)
		for range 3 * eventsPerPeriod {
			r := groupstest.JoinRequest("g", "", "")
			r.RequireMemberID = true
			id := g.Join(t.Context(), r).MemberID
			groupstest.Kind(t, g.Leave(t.Context(), "g", []classic.LeaveMember{{MemberID: id}}), fault.None)
		}
		if n := strings.Count(out.String(), "\n"); n != eventsPerPeriod {
			t.Errorf("%d lines are logged, want %d", n, eventsPerPeriod)
		}
	})
}
