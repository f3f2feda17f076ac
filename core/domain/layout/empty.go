package layout

import "slices"

// Empty returns the moves after which the broker holds nothing. Its replicas go to the broker heir where that is
// possible, or with heir -1 to any broker. With shrink, partitions lose a replica where no other broker can take it.
// Partitions that cannot leave the broker are returned as stuck.
func (l *Layout) Empty(broker, heir int32, shrink bool) ([]Move, []Stuck) {
	p := l.plan()
	alive := slices.Contains(p.alive, broker)
	p.alive = slices.DeleteFunc(p.alive, func(id int32) bool { return id == broker })
	var stuck []Stuck
	for i := range p.parts {
		part := &p.parts[i]
		n := slices.Index(part.Replicas, broker)
		if n < 0 {
			continue
		}
		if !alive && !slices.ContainsFunc(part.InSync, func(id int32) bool { return slices.Contains(p.alive, id) }) {
			stuck = append(stuck, Stuck{part.Topic, part.Index, true})
			continue
		}
		to, found := heir, slices.Contains(p.alive, heir) && !slices.Contains(part.Replicas, heir)
		if !found {
			to, found = p.taker(part, n)
		}
		switch {
		case found:
			p.put(part, n, to)
		case shrink && len(part.Replicas) > 1:
			part.Replicas = slices.Delete(part.Replicas, n, n+1)
		default:
			stuck = append(stuck, Stuck{part.Topic, part.Index, false})
		}
	}
	return p.moves(l), stuck
}

// LeadElsewhere returns the moves after which the broker is the preferred leader of no partition that another broker
// can lead: it becomes the last of the partition's replicas.
func (l *Layout) LeadElsewhere(broker int32) []Move {
	p := l.plan()
	for i := range p.parts {
		part := &p.parts[i]
		if len(part.Replicas) < 2 || part.Replicas[0] != broker {
			continue
		}
		next, found := int32(0), false
		for _, id := range part.Replicas[1:] {
			if slices.Contains(p.alive, id) && slices.Contains(part.InSync, id) &&
				(!found || p.prefers[id] < p.prefers[next]) {
				next, found = id, true
			}
		}
		if !found {
			continue
		}
		p.prefer(part, next)
		n := slices.Index(part.Replicas, broker)
		part.Replicas = append(slices.Delete(part.Replicas, n, n+1), broker)
	}
	return p.moves(l)
}
