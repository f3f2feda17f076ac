package layout

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func brokers(racks ...string) []Broker {
	var all []Broker
	for n, rack := range racks {
		all = append(all, Broker{ID: int32(n + 1), Rack: rack, Alive: true})
	}
	return all
}

// apply returns the layout after the moves.
func (l *Layout) apply(moves []Move) *Layout {
	next := &Layout{Brokers: l.Brokers, Partitions: slices.Clone(l.Partitions)}
	for _, m := range moves {
		for n := range next.Partitions {
			if p := &next.Partitions[n]; p.Topic == m.Topic && p.Index == m.Index {
				p.Replicas, p.InSync = m.Replicas, m.Replicas
			}
		}
	}
	return next
}

func (l *Layout) counts() (holds, prefers map[int32]int) {
	p := l.plan()
	for _, id := range p.alive {
		p.holds[id] += 0
		p.prefers[id] += 0
	}
	return p.holds, p.prefers
}

func spread(counts map[int32]int, of []Broker) int {
	low, high := 1<<30, 0
	for _, b := range of {
		low, high = min(low, counts[b.ID]), max(high, counts[b.ID])
	}
	return high - low
}

func TestAnEmptiedBrokersReplicasGoToThoseThatHoldTheLeast(t *testing.T) {
	l := &Layout{Brokers: brokers("", "", "", ""), Partitions: []Partition{
		{"a", 0, []int32{1, 2}, []int32{1, 2}},
		{"a", 1, []int32{2, 3}, []int32{2, 3}},
		{"a", 2, []int32{2, 1}, []int32{2, 1}},
	}}
	moves, stuck := l.Empty(2, -1, false)
	want := []Move{{"a", 0, []int32{1, 4}}, {"a", 1, []int32{4, 3}}, {"a", 2, []int32{3, 1}}}
	if diff := cmp.Diff(want, moves); diff != "" || stuck != nil {
		t.Errorf("stuck %v, moves (-want +got):\n%s", stuck, diff)
	}
}

func TestAnHeirTakesWhatItDoesNotHaveYet(t *testing.T) {
	l := &Layout{Brokers: brokers("", "", "", ""), Partitions: []Partition{
		{"a", 0, []int32{1, 2}, []int32{1, 2}}, {"a", 1, []int32{2, 3}, []int32{2, 3}},
	}}
	moves, _ := l.Empty(2, 3, false)
	if diff := cmp.Diff([]Move{{"a", 0, []int32{1, 3}}, {"a", 1, []int32{4, 3}}}, moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestWhatCannotLeaveABrokerIsStuck(t *testing.T) {
	l := &Layout{Brokers: brokers("", "", ""), Partitions: []Partition{
		{"full", 0, []int32{3, 1, 2}, []int32{1, 2}},
		{"alone", 0, []int32{3}, []int32{3}},
		{"behind", 0, []int32{1, 3}, []int32{3}},
	}}
	l.Brokers[2].Alive = false
	moves, stuck := l.Empty(3, -1, false)
	want := []Stuck{{"full", 0, false}, {"alone", 0, true}, {"behind", 0, true}}
	if diff := cmp.Diff(want, stuck); diff != "" || moves != nil {
		t.Errorf("moves %v, stuck (-want +got):\n%s", moves, diff)
	}
	moves, stuck = l.Empty(3, -1, true)
	if diff := cmp.Diff(want[1:], stuck); diff != "" || !cmp.Equal(moves, []Move{{"full", 0, []int32{1, 2}}}) {
		t.Errorf("with fewer replicas: moves %v, stuck (-want +got):\n%s", moves, diff)
	}
}

func TestABrokerThatHasToLeadNothingComesLast(t *testing.T) {
	l := &Layout{Brokers: brokers("", "", ""), Partitions: []Partition{
		{"a", 0, []int32{1, 2, 3}, []int32{1, 2, 3}},
		{"a", 1, []int32{1, 2, 3}, []int32{1, 2, 3}},
		{"a", 2, []int32{2, 1, 3}, []int32{1, 2, 3}},
		{"a", 3, []int32{1, 2}, []int32{1}},
		{"a", 4, []int32{1}, []int32{1}},
	}}
	want := []Move{{"a", 0, []int32{3, 2, 1}}, {"a", 1, []int32{2, 3, 1}}}
	if diff := cmp.Diff(want, l.LeadElsewhere(1)); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestANewBrokerGetsItsShareOfEachTopic(t *testing.T) {
	l := &Layout{Brokers: brokers("", "", "", "")}
	for _, topic := range []string{"a", "b"} {
		for n := range int32(12) {
			first := n%3 + 1
			replicas := []int32{first, first%3 + 1, (first+1)%3 + 1}
			l.Partitions = append(l.Partitions, Partition{topic, n, replicas, replicas})
		}
	}
	moves := l.Balance()
	holds, prefers := l.apply(moves).counts()
	if spread(holds, l.Brokers) > 0 || spread(prefers, l.Brokers) > 0 {
		t.Errorf("replicas %v, leaderships %v", holds, prefers)
	}
	ofTopic := l.apply(moves).plan().ofTopic
	if ofTopic["a"][4] != 9 || ofTopic["b"][4] != 9 {
		t.Errorf("the new broker has %d and %d replicas of the topics", ofTopic["a"][4], ofTopic["b"][4])
	}
	if again := l.apply(moves).Balance(); again != nil {
		t.Errorf("balanced again: %v", again)
	}
}

func TestReplicasThatShareARackAreMovedApart(t *testing.T) {
	l := &Layout{Brokers: brokers("r", "r", "s"), Partitions: []Partition{{"a", 0, []int32{1, 2}, []int32{1, 2}}}}
	after := l.apply(l.Balance())
	if after.plan().racks(after.Partitions[0].Replicas) != 2 {
		t.Errorf("replicas %v", after.Partitions[0].Replicas)
	}
}

// TestBalancedLayoutsAreEven draws layouts: afterwards each partition has as many replicas as before, on different
// brokers and over no fewer racks; without racks the replicas are even, and in no case is there more to be done.
func TestBalancedLayoutsAreEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 7).Draw(t, "brokers")
		racks := rapid.IntRange(1, 3).Draw(t, "racks")
		l := &Layout{}
		for n := range size {
			l.Brokers = append(l.Brokers,
				Broker{
					ID: int32(n + 1), Rack: strconv.Itoa(n % racks), Alive: rapid.IntRange(0, 9).Draw(t, "alive") > 0,
				})
		}
		for n := range rapid.IntRange(0, 30).Draw(t, "partitions") {
			ids := rapid.Permutation([]int32{1, 2, 3, 4, 5, 6, 7}[:size]).Draw(t, "replicas")
			ids = ids[:rapid.IntRange(1, size).Draw(t, "factor")]
			l.Partitions = append(l.Partitions, Partition{fmt.Sprint("t", n%3), int32(n), ids, ids})
		}
		after := l.apply(l.Balance())
		before := l.plan()
		for n, p := range after.Partitions {
			old := l.Partitions[n].Replicas
			distinct := slices.Compact(slices.Sorted(slices.Values(p.Replicas)))
			if len(p.Replicas) != len(old) || len(distinct) != len(old) ||
				before.racks(p.Replicas) < before.racks(old) {
				t.Fatalf("%s-%d: replicas %v, were %v", p.Topic, p.Index, p.Replicas, old)
			}
		}
		var alive []Broker
		for _, b := range l.Brokers {
			if b.Alive {
				alive = append(alive, b)
			}
		}
		if holds, _ := after.counts(); racks == 1 && len(alive) > 0 && spread(holds, alive) > 1 {
			t.Fatalf("replicas %v", holds)
		}
		if again := after.Balance(); racks == 1 && again != nil {
			t.Fatalf("balanced again: %v", again)
		}
	})
}
