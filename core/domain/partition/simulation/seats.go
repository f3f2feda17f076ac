package simulation

import (
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

const (
	// seats is how many nodes may lead the metadata. They have places of their own, from firstSeat downwards.
	seats     = 3
	firstSeat = -3
	// election is Raft's election time-out, with the default ratio to a session. A leader without a majority believes to
	// lead for up to two of them (CheckQuorum), and the others elect another leader after one to two.
	election = session * 3 / 10
)

// seat is a node that may lead the metadata. It keeps the brokers' sessions while it believes that it leads.
type seat struct {
	c        *control
	place    int32 // in the network
	leads    bool  // as it believes
	pause    pause
	sessions []time.Duration // when each ends
	// for each fenced broker, the index of the first image in which the seat has seen it fenced; 0 for the others
	fenced []int64
}

func newSeat(c *control, n, nodes int) *seat {
	return &seat{c: c, place: int32(firstSeat - n), sessions: make([]time.Duration, nodes), fenced: make([]int64, nodes)}
}

// begin makes the seat the leader. It does not know when the brokers have sent heartbeats, and grants each a full
// session.
func (s *seat) begin() {
	s.leads = true
	for id := range s.sessions {
		s.sessions[id] = 0
		if s.c.w.opt.Breaks != GrantFullSessions {
			s.sessions[id] = s.c.w.now + session
		}
	}
	clear(s.fenced)
	s.follow()
}

// follow records which brokers are fenced.
func (s *seat) follow() {
	img := s.c.w.meta.image
	for _, b := range img.brokers {
		switch {
		case !b.Fenced:
			s.fenced[b.ID] = 0
		case s.fenced[b.ID] == 0:
			s.fenced[b.ID] = img.index
		}
	}
}

// expire fences the brokers whose sessions have ended. Only the actual leader can get a command accepted.
func (s *seat) expire() {
	if !s.leads || s.c.leader != s {
		return
	}
	s.follow()
	for _, b := range s.c.w.meta.image.brokers {
		if !b.Fenced && s.sessions[b.ID] <= s.c.w.now {
			s.c.fence(b)
		}
	}
}

// heartbeat calls answer when the broker's session is extended. Before that, a majority has to confirm, after the
// heartbeat has arrived, that this seat leads; and a broker that was fenced has to have seen that.
func (s *seat) heartbeat(n *node, epoch, seen int64, answer func()) {
	w := s.c.w
	if !s.leads {
		w.net.send(s.place, n.id, func() { n.elsewhere(s) })
		return
	}
	s.sessions[n.id] = w.now + session
	if w.opt.Breaks == CountWhenProven {
		s.count(n.id, epoch, seen, answer)
		return
	}
	w.after(w.between(200*time.Microsecond, 3*time.Millisecond), func() {
		if s.c.leader != s {
			return // no majority confirms it
		}
		w.after(w.between(200*time.Microsecond, 3*time.Millisecond), func() {
			s.pause.run(func() {
				if s.leads {
					s.count(n.id, epoch, seen, answer)
				}
			})
		})
	})
}

// count extends a broker's session. It unfences the broker when that has seen its own registration, and the image in
// which it was fenced.
func (s *seat) count(id int32, epoch, seen int64, answer func()) {
	w := s.c.w
	s.follow()
	b := w.meta.image.brokers[id]
	owed := max(b.Epoch, s.fenced[id])
	if w.opt.Breaks == ReturnWhenSeen {
		owed = b.Epoch
	}
	if b.Epoch != epoch || b.Fenced && seen < owed {
		return
	}
	if b.Fenced {
		if s.c.leader != s {
			return
		}
		if _, err := w.meta.apply(metadata.UnfenceBroker{ID: id, Epoch: epoch}); err != nil {
			return
		}
		s.c.changed("%d is unfenced", id)
	}
	s.sessions[id] = w.now + session
	answer()
}

// replace elects another seat some time from now. No command is decided until then.
func (c *control) replace() {
	old := slices.Index(c.seats, c.leader)
	next := c.seats[(old+1+c.w.rng.IntN(seats-1))%seats]
	c.leader = nil
	c.pause.begin(c.w, c.w.between(election, 2*election), func() {
		c.leader = next
		c.term++
		c.w.trace("seat %d leads the metadata", next.place)
		next.begin()
		for _, n := range c.w.nodes {
			c.announce(n)
		}
	})
}

// announce tells a node which seat leads the metadata.
func (c *control) announce(n *node) {
	leader, term := c.leader, c.term
	if leader != nil {
		c.w.net.send(leader.place, n.id, func() {
			if term > n.term {
				n.term, n.seat = term, leader
			}
		})
	}
}

// stop stops the process of the metadata's leader for a while. When it continues, it soon learns about a new leader, if
// one was elected.
func (c *control) stop(d time.Duration) {
	s := c.leader
	if s == nil || c.pause.on || s.pause.on {
		return
	}
	s.pause.begin(c.w, d, func() {})
	if d > election {
		c.replace()
		c.w.after(d+c.w.between(0, 20*time.Millisecond), func() { s.leads = c.leader == s })
	}
}

// divide cuts the metadata's leader off from the majority, with some of the brokers on its side. It notices at its next
// check of its quorum that it does not lead any more.
func (c *control) divide() {
	s := c.leader
	if s == nil || c.pause.on || c.w.net.apart != nil {
		return
	}
	c.w.net.apart = map[int32]bool{s.place: true}
	for _, n := range c.w.nodes {
		if c.w.chance(40) {
			c.w.net.apart[n.id] = true
		}
	}
	c.w.trace("seat %d is cut off with %v", s.place, c.w.net.apart)
	c.replace()
	c.w.after(c.w.between(election, 2*election), func() { s.leads = c.leader == s })
}

// elsewhere makes a node try another seat than this one as the metadata's leader.
func (n *node) elsewhere(than *seat) {
	if n.seat == than {
		all := n.w.control.seats
		n.seat = all[(slices.Index(all, than)+1)%seats]
	}
}
