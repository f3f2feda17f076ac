package classic

import (
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/group"
)

func TestDescriptionShowsTheOldAssignmentsDuringARebalance(t *testing.T) {
	g := New("g", time.Time{})
	m := newMember("m", &JoinRequest{
		ProtocolType: group.ConsumerProtocolType,
		Protocols:    []Protocol{{Name: "range", Metadata: []byte("subscription")}},
	})
	m.assignment = []byte("mine")
	g.insert(m)
	g.protocol = "range"
	for state, metadata := range map[State]string{
		Stable: "subscription", PreparingRebalance: "",
		CompletingRebalance: "",
	} {
		g.state = state
		if got := g.Describe().Members[0]; string(got.Assignment) != "mine" || string(got.Metadata) != metadata {
			t.Errorf("in %v the assignment is %q and the subscription %q", state, got.Assignment, got.Metadata)
		}
	}
}
