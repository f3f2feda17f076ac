package group

import (
	"strings"
	"testing"
	"time"
)

func TestAGroupGrowsByWhatItsMembersSay(t *testing.T) {
	g, now := New("readers", time.Unix(0, 0)), time.Unix(0, 0)
	settings := Settings{MaxSize: 10}
	join := JoinRequest{
		ProtocolType: "consumer", Protocols: []Protocol{{Name: "range", Metadata: make([]byte, 10_000)}},
		SessionTimeout: time.Minute, RebalanceTimeout: time.Minute, Client: Client{ID: strings.Repeat("c", 100)},
	}
	empty := g.Size()
	if growth := g.Growth(&join); growth < 10_100 || growth > 11_000 {
		t.Errorf("a new member with 10 kB of metadata lets the group grow by %d bytes", growth)
	}
	fx := g.Join(now, settings, &join, "1", "waiter")
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
