package layout

import (
	"cmp"
	"slices"
)

// Balance returns the moves that spread the replicas of each partition over racks, and replicas and preferred
// leaderships evenly over the brokers. It moves no more than that needs.
func (l *Layout) Balance() []Move {
	p := l.plan()
	p.spreadOverRacks()
	for p.evenOutOne() {
	}
	for p.evenLeadersOnce() {
	}
	return p.moves(l)
}

// spreadOverRacks moves replicas that share a rack to racks that have none of their partition.
func (p *plan) spreadOverRacks() {
	for i := range p.parts {
		part := &p.parts[i]
		for n := range part.Replicas {
			to, found := p.taker(part, n)
			if !found {
				continue
			}
			with := slices.Clone(part.Replicas)
			with[n] = to
			if p.racks(with) > p.racks(part.Replicas) {
				p.put(part, n, to)
			}
		}
	}
}

// evenOutOne moves one replica from a broker that holds too many to one that holds fewer. It reports whether it did.
func (p *plan) evenOutOne() bool {
	byLoad := slices.Clone(p.alive)
	slices.SortStableFunc(byLoad, func(a, b int32) int { return cmp.Compare(p.holds[a], p.holds[b]) })
	for _, from := range slices.Backward(byLoad) {
		for _, to := range byLoad {
			if p.holds[from]-p.holds[to] < 2 {
				break
			}
			if part, n := p.movable(from, to); part != nil {
				p.put(part, n, to)
				return true
			}
		}
	}
	return false
}

// movable returns the partition that should move between two brokers, and the place of the replica in its list. It
// takes one of the topic of which the first broker has the largest excess, if the partition stays spread over as many
// racks.
func (p *plan) movable(from, to int32) (best *Partition, place int) {
	excess := func(part *Partition) int { return p.ofTopic[part.Topic][from] - p.ofTopic[part.Topic][to] }
	for i := range p.parts {
		part := &p.parts[i]
		n := slices.Index(part.Replicas, from)
		if n < 0 || slices.Contains(part.Replicas, to) || best != nil && excess(part) <= excess(best) {
			continue
		}
		with := slices.Clone(part.Replicas)
		with[n] = to
		if p.racks(with) >= p.racks(part.Replicas) {
			best, place = part, n
		}
	}
	return best, place
}

// evenLeadersOnce moves one preferred leadership from a broker that has too many to one that has fewer. Where no
// partition has replicas on both, it does so along a chain of partitions. It reports whether it did.
func (p *plan) evenLeadersOnce() bool {
	// by two brokers: a partition whose leadership the first could give to the second
	via := map[int32]map[int32]*Partition{}
	for i := range p.parts {
		part := &p.parts[i]
		for n, to := range part.Replicas {
			if from := part.Replicas[0]; n > 0 && slices.Contains(p.alive, to) {
				if via[from] == nil {
					via[from] = map[int32]*Partition{}
				}
				via[from][to] = part
			}
		}
	}
	byLoad := slices.Clone(p.alive)
	slices.SortStableFunc(byLoad, func(a, b int32) int { return cmp.Compare(p.prefers[b], p.prefers[a]) })
	for _, from := range byLoad {
		if chain := p.chain(from, via); chain != nil {
			for n := len(chain) - 1; n > 0; n-- {
				p.prefer(via[chain[n-1]][chain[n]], chain[n])
			}
			return true
		}
	}
	return false
}

// chain returns the shortest chain from a broker to one that has at least two preferred leaderships less, nil when
// there is none.
func (p *plan) chain(from int32, via map[int32]map[int32]*Partition) []int32 {
	before, queue := map[int32]int32{from: from}, []int32{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if p.prefers[at] <= p.prefers[from]-2 {
			chain := []int32{at}
			for at != from {
				at = before[at]
				chain = append(chain, at)
			}
			slices.Reverse(chain)
			return chain
		}
		for _, next := range p.alive {
			if _, seen := before[next]; !seen && via[at][next] != nil {
				before[next] = at
				queue = append(queue, next)
			}
		}
	}
	return nil
}
