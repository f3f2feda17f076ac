// Package layout plans which brokers should hold and lead partitions: what to move to empty a broker, to put another in
// its place, or to spread the load evenly. It only plans. Its callers carry out the moves by
// AlterPartitionReassignments and ElectLeaders.
package layout

import (
	"cmp"
	"slices"
)

// Broker is a registered broker.
type Broker struct {
	ID    int32
	Rack  string // "" for none
	Alive bool   // not fenced: only such brokers get replicas
}

// Partition is a partition and the brokers that hold it. It must not have an ongoing reassignment.
type Partition struct {
	Topic    string
	Index    int32
	Replicas []int32 // the first one is the preferred leader
	InSync   []int32
}

// Layout is the brokers of a cluster and the partitions that they hold.
type Layout struct {
	Brokers    []Broker
	Partitions []Partition
}

// Move changes a partition's replicas, or their order.
type Move struct {
	Topic    string
	Index    int32
	Replicas []int32
}

// Stuck is a partition that cannot be taken from a broker.
type Stuck struct {
	Topic string
	Index int32
	Lost  bool // no live broker has all its records; otherwise, no broker is left that could hold it
}

// plan is a layout that is being changed.
type plan struct {
	rack    map[int32]string
	alive   []int32 // in order
	parts   []Partition
	holds   map[int32]int            // replicas by broker
	ofTopic map[string]map[int32]int // the same by topic
	prefers map[int32]int            // partitions whose first replica it is, by broker
}

func (l *Layout) plan() *plan {
	p := &plan{
		rack:    map[int32]string{},
		holds:   map[int32]int{},
		ofTopic: map[string]map[int32]int{},
		prefers: map[int32]int{},
	}
	for _, b := range l.Brokers {
		p.rack[b.ID] = b.Rack
		if b.Alive {
			p.alive = append(p.alive, b.ID)
		}
	}
	slices.Sort(p.alive)
	for _, part := range l.Partitions {
		part.Replicas = slices.Clone(part.Replicas)
		p.parts = append(p.parts, part)
		for _, id := range part.Replicas {
			p.count(part.Topic, id, 1)
		}
		if len(part.Replicas) > 0 {
			p.prefers[part.Replicas[0]]++
		}
	}
	return p
}

func (p *plan) count(topic string, broker int32, change int) {
	if p.ofTopic[topic] == nil {
		p.ofTopic[topic] = map[int32]int{}
	}
	p.holds[broker] += change
	p.ofTopic[topic][broker] += change
}

// put replaces a partition's n-th replica by another broker.
func (p *plan) put(part *Partition, n int, broker int32) {
	p.count(part.Topic, part.Replicas[n], -1)
	p.count(part.Topic, broker, 1)
	if n == 0 {
		p.prefers[part.Replicas[0]]--
		p.prefers[broker]++
	}
	part.Replicas[n] = broker
}

// prefer makes the broker, which has a replica, the partition's preferred leader. It swaps places with the former one.
func (p *plan) prefer(part *Partition, broker int32) {
	n := slices.Index(part.Replicas, broker)
	p.prefers[part.Replicas[0]]--
	p.prefers[broker]++
	part.Replicas[0], part.Replicas[n] = part.Replicas[n], part.Replicas[0]
}

// taker returns the broker that should replace the partition's n-th replica: one in the rack with the fewest of the
// other replicas, and among these the one that holds the least.
func (p *plan) taker(part *Partition, n int) (int32, bool) {
	inRack := map[string]int{}
	for m, id := range part.Replicas {
		if m != n {
			inRack[p.rack[id]]++
		}
	}
	best, found := int32(0), false
	for _, id := range p.alive {
		if slices.Contains(part.Replicas, id) {
			continue
		}
		better := !found || cmp.Or(
			cmp.Compare(inRack[p.rack[id]], inRack[p.rack[best]]),
			cmp.Compare(p.holds[id], p.holds[best]),
			cmp.Compare(p.ofTopic[part.Topic][id], p.ofTopic[part.Topic][best]),
		) < 0
		if better {
			best, found = id, true
		}
	}
	return best, found
}

// racks returns the number of racks over which the replicas are spread.
func (p *plan) racks(replicas []int32) int {
	used := map[string]bool{}
	for _, id := range replicas {
		used[p.rack[id]] = true
	}
	return len(used)
}

// moves returns the differences of the plan from the layout.
func (p *plan) moves(l *Layout) []Move {
	var moves []Move
	for n, part := range p.parts {
		if !slices.Equal(part.Replicas, l.Partitions[n].Replicas) {
			moves = append(moves, Move{part.Topic, part.Index, part.Replicas})
		}
	}
	return moves
}
