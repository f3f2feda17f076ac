package classic

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/group"
)

func TestAGroupGrowsByWhatItsMembersSay(t *testing.T) {
	g, now := New("readers", time.Unix(0, 0)), time.Unix(0, 0)
	settings := Settings{MaxSize: 10}
	join := JoinRequest{
		ProtocolType: "consumer", Protocols: []Protocol{{Name: "range", Metadata: make([]byte, 10_000)}},
		SessionTimeout: time.Minute, RebalanceTimeout: time.Minute, Client: group.Client{ID: strings.Repeat("c", 100)},
	}
	empty := g.Size()
	if growth := g.Growth(&join); growth < 10_100 || growth > 11_000 {
		t.Errorf("a new member with 10 kB of metadata lets the group grow by %d bytes", growth)
	}
	fx := g.Join(now, settings, &join, "1", func(JoinResponse) {})
	if size := g.Size() - empty; size < 10_100 || size > 11_500 {
		t.Errorf("the group has grown by %d bytes", size)
	}
	if len(fx.Joins) != 1 || fx.Joins[0].Err != nil {
		t.Fatalf("Join() = %+v", fx)
	}
	again := join
	again.MemberID = fx.Joins[0].MemberID
	if growth := g.Growth(&again); growth != 0 {
		t.Errorf("a member that says the same lets the group grow by %d bytes", growth)
	}
	again.Protocols = []Protocol{{Name: "range"}}
	if growth := g.Growth(&again); growth != -10_000 {
		t.Errorf("a member without its metadata lets the group grow by %d bytes, want -10000", growth)
	}
	if _, err := g.Leave(now, []LeaveMember{{MemberID: again.MemberID}}); err != nil || g.Size() != empty {
		t.Errorf("an empty group takes %d bytes (%v), want %d", g.Size(), err, empty)
	}
}

// commit commits offsets of so many topics with so many partitions each.
func commit(t *testing.T, g *Group, topics, partitions int, metadata string) (growth int) {
	t.Helper()
	var req group.CommitRequest
	req.Generation, req.Retention = -1, -1
	for topic := range topics {
		for p := range partitions {
			req.Offsets = append(req.Offsets, group.OffsetCommit{
				TopicPartition: group.TopicPartition{Topic: fmt.Sprintf("topic-%d", topic), Partition: int32(p)},
				Offset:         group.Offset{Offset: 1, Metadata: metadata},
			})
		}
	}
	growth = g.CommitGrowth(&req)
	w, err := g.Commit(time.Unix(0, 0), &req, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	g.Written(time.Unix(0, 0), w, nil)
	return growth
}

func TestAGroupGrowsByTheOffsetsThatItHasNotCommittedBefore(t *testing.T) {
	g := New("readers", time.Unix(0, 0))
	empty := g.Size()
	growth := commit(t, g, 3, 5, "")
	if got := g.Size() - empty; got != growth || growth < 15*208 {
		t.Errorf("the group has grown by %d bytes, foreseen were %d", got, growth)
	}
	if growth := commit(t, g, 3, 5, ""); growth != 0 {
		t.Errorf("offsets that are there let the group grow by %d bytes", growth)
	}
	before := g.Size()
	if growth := commit(t, g, 3, 5, strings.Repeat("m", 100)); growth != 1500 || g.Size() != before+growth {
		t.Errorf("metadata of 1500 bytes lets the group grow by %d, %d were foreseen", g.Size()-before, growth)
	}
	w := Write{Records: g.offsets.Tombstones(func(group.TopicPartition) bool { return true })}
	g.Written(time.Unix(0, 0), g.track(w), nil)
	if g.Size() != empty {
		t.Errorf("without offsets the group takes %d bytes, before %d", g.Size(), empty)
	}
}

func TestAGroupsOffsetsTakeNoMoreThanItsSizeSays(t *testing.T) {
	for _, shape := range []struct{ topics, partitions int }{{5000, 1}, {1000, 8}, {10, 3000}} {
		var before, after runtime.MemStats
		g := New("readers", time.Unix(0, 0))
		runtime.GC()
		runtime.ReadMemStats(&before)
		commit(t, g, shape.topics, shape.partitions, "")
		runtime.GC()
		runtime.ReadMemStats(&after)
		if taken := int(after.HeapAlloc - before.HeapAlloc); taken > g.Size() {
			t.Errorf("%+v: %d bytes are taken, the group's size is %d", shape, taken, g.Size())
		}
	}
}
