package partition

// idleList holds producers in the order of their last appends. A short list is searched from its newest producer on; a
// longer one has a map as well. Most partitions have one or two producers and need no map. A nil idleList is empty, and
// nothing can be added to it.
type idleList struct {
	oldest, newest *producer
	count          int
	byID           map[int64]*producer
}

// fewProducers is the largest number of producers without a map.
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

// add adds a producer that has just appended for the first time.
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

// touch moves a producer that has appended again to the end of the list.
func (l *idleList) touch(p *producer) {
	if p != l.newest {
		l.unlink(p)
		l.link(p)
	}
}

// remove removes a producer.
func (l *idleList) remove(p *producer) {
	l.unlink(p)
	delete(l.byID, p.id)
	if l.count--; l.count <= fewProducers/2 { // below the limit of add, so that the map is not rebuilt all the time
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
