package replicas

// wantedCost estimates how many bytes of memory a session takes per partition, without the topic's name.
const wantedCost = 320

// resize accounts for the partitions that a request has added or removed. It drops the session and reports false when
// there is no memory for them.
func (s *fetchSessions) resize(session *fetchSession) bool {
	size, cost := len(session.order), session.weigh()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[session.id] != session {
		return true // it was evicted, and this is its last round
	}
	if cost > session.cost && !s.reserve(cost-session.cost, session) {
		s.drop(session)
		return false
	}
	s.used += cost - session.cost
	session.size, session.cost = size, cost
	return true
}

// reserve reports whether there is memory for cost more bytes. If necessary it drops sessions that were idle for longer
// than sessionIdle, except keep, which may be nil.
func (s *fetchSessions) reserve(cost int, keep *fetchSession) bool {
	if s.used+cost <= s.memory {
		return true
	}
	if cost > s.memory {
		return false
	}
	now := s.clock()
	for _, c := range s.byID {
		if c != keep && now.Sub(c.used) > sessionIdle {
			s.drop(c)
		}
		if s.used+cost <= s.memory {
			return true
		}
	}
	return false
}

// drop ends a session. The caller holds mu.
func (s *fetchSessions) drop(session *fetchSession) {
	delete(s.byID, session.id)
	s.used -= session.cost
}

// weigh estimates how many bytes of memory the session takes.
func (fs *fetchSession) weigh() int {
	return wantedCost + weigh(fs.order)
}

// weigh estimates how many bytes of memory the partitions take.
func weigh(wanted []*wantedPartition) (cost int) {
	for _, w := range wanted {
		cost += wantedCost + len(w.ask.Topic)
	}
	return cost
}

// waitsFree is the number of partitions up to which a fetch without a session may wait regardless of memory: they cost
// less than its connection.
const waitsFree = 8

// hold reserves memory for a round that waits; release returns it. It reports false when there is none: the fetch must
// then be answered at once.
func (s *fetchSessions) hold(round *fetchRound) (release func(), ok bool) {
	if round.session != nil || len(round.wanted) <= waitsFree {
		return func() {}, true
	}
	cost := weigh(round.wanted)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reserve(cost, nil) {
		return nil, false
	}
	s.used += cost
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used -= cost
	}, true
}
