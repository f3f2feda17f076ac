package partition

// idleList holds producers in the order of their last appends. Few are looked for in the list itself, from the last
// one on; more have a map as well, which most partitions, that have one or two, do without. A nil idleList is empty,
// and nothing can be added to it.
type idleList struct {
	oldest, newest *producer
	count          int
	byID           map[int64]*producer
}

// fewProducers is how many are looked for without a map.
const fewProducers = 8

// find returns the producer with this id, nil when there is none.
func (l *idleList) find(id int64) *producer {
	if l == nil {
		return nil
	}
	if l.byID != nil {
		return l.byID[id]
	}
	for p := l.newest; p != nil; p = p.older {
		if p.id == id {
			return p
		}
	}
	return nil
}

// first returns the producer that has been idle for longest, nil when there is none.
func (l *idleList) first() *producer {
	if l == nil {
		return nil
	}
	return l.oldest
}

// add puts in a producer that has just appended, and is not there.
func (l *idleList) add(p *producer) {
	l.link(p)
	l.count++
	switch {
	case l.byID != nil:
		l.byID[p.id] = p
	case l.count > fewProducers:
		l.byID = make(map[int64]*producer, 2*fewProducers)
		for p := l.oldest; p != nil; p = p.newer {
			l.byID[p.id] = p
		}
	}
}

// touch notes that a producer has appended again.
func (l *idleList) touch(p *producer) {
	if p != l.newest {
		l.unlink(p)
		l.link(p)
	}
}

// remove takes a producer out.
func (l *idleList) remove(p *producer) {
	l.unlink(p)
	delete(l.byID, p.id)
	if l.count--; l.count <= fewProducers/2 { // some less than those that make it, so that it does not come and go
		l.byID = nil
	}
}

func (l *idleList) link(p *producer) {
	p.older, p.newer = l.newest, nil
	if l.newest == nil {
		l.oldest = p
	} else {
		l.newest.newer = p
	}
	l.newest = p
}

func (l *idleList) unlink(p *producer) {
	if p.older == nil {
		l.oldest = p.newer
	} else {
		p.older.newer = p.newer
	}
	if p.newer == nil {
		l.newest = p.older
	} else {
		p.newer.older = p.older
	}
	p.older, p.newer = nil, nil
}
