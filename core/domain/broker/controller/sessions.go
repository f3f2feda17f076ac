package controller

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// sessions holds the deadlines for the next heartbeats of the brokers. The metadata's leader keeps it. It has no clock:
// times are parameters and are compared by their monotonic part.
type sessions struct {
	timeout  time.Duration
	brokers  map[int32]*session
	suspects map[int32]*suspicion
	fenced   map[int32]int64 // for each fenced broker, the index of the first image in which it was seen fenced
}

// suspicion means that a broker's process may have ended: its heartbeat connection broke, or it has sent no heartbeat
// since this node leads. A heartbeat of the broker ends it.
type suspicion struct {
	watched bool // a check is in progress
}

// session is the session of a broker in service.
type session struct {
	epoch      int64     // of the broker's registration
	deadline   time.Time // of the next heartbeat
	retry      time.Time // when it may be fenced, though the session may be over before
	index      int64     // of the newest image that the broker has seen
	owed       int64     // of the image in which it was fenced last, which it has to see; 0 if none is known
	gone       bool      // its process has ended, as a check has found out
	handedOver int64     // of the image in which it has begun its controlled shutdown; 0 for none
}

func newSessions(timeout time.Duration) *sessions {
	return &sessions{
		timeout: timeout, brokers: make(map[int32]*session), suspects: make(map[int32]*suspicion),
		fenced: make(map[int32]int64),
	}
}

// follow updates the sessions to the brokers that are in service in img. A broker without a session gets a full one.
func (s *sessions) follow(img *metadata.Image, now time.Time) {
	for id := range s.brokers {
		if b, ok := img.Broker(id); !ok || b.Fenced {
			delete(s.brokers, id)
			delete(s.suspects, id)
		}
	}
	for id := range s.fenced {
		if _, ok := img.Broker(id); !ok {
			delete(s.fenced, id)
		}
	}
	for b := range img.Brokers() {
		if b.Fenced {
			if _, known := s.fenced[b.ID]; !known {
				s.fenced[b.ID] = int64(img.Index())
			}
			continue
		}
		// A new registration begins a new session: heartbeats of an earlier process do not count for it.
		of := s.brokers[b.ID]
		if of == nil || of.epoch != b.Epoch {
			of = &session{epoch: b.Epoch, deadline: now.Add(s.timeout), owed: s.fenced[b.ID]}
			s.brokers[b.ID] = of
			delete(s.suspects, b.ID)
		}
		delete(s.fenced, b.ID)
		if b.ShuttingDown && of.handedOver == 0 {
			of.handedOver = int64(img.Index())
		}
	}
}

// touch renews the broker's session, if it has one.
func (s *sessions) touch(id int32, index int64, now time.Time) {
	delete(s.suspects, id)
	if of := s.brokers[id]; of != nil {
		of.deadline, of.gone, of.index = now.Add(s.timeout), false, max(of.index, index)
	}
}

// mayReturn reports whether a fenced broker that has seen the image with this index knows that it was fenced, and so
// that its partitions have other leaders.
func (s *sessions) mayReturn(id int32, index int64) bool { return index >= s.fenced[id] }

// knows reports whether a broker in service that has seen the image with this index knows that it was fenced, if it
// was: a delayed command may have unfenced it.
func (s *sessions) knows(id int32, index int64) bool {
	of := s.brokers[id]
	return of == nil || index >= of.owed
}

// postpone sets when a broker that could not be fenced may be fenced again.
func (s *sessions) postpone(broker ended, until time.Time) {
	if of := s.brokers[broker.id]; of != nil && of.epoch == broker.epoch {
		of.retry = until
	}
}

// due returns when the broker has to be fenced unless it sends a heartbeat.
func (of *session) due() time.Time {
	if of.retry.After(of.deadline) {
		return of.retry
	}
	return of.deadline
}

// suspect marks the broker, if it has a session, to be checked whether it is gone.
func (s *sessions) suspect(id int32) {
	if _, known := s.suspects[id]; !known && s.brokers[id] != nil {
		s.suspects[id] = new(suspicion)
	}
}

// unchecked returns the suspects that are not being checked. The caller checks them, and calls checked for each.
func (s *sessions) unchecked() map[int32]*suspicion {
	unwatched := make(map[int32]*suspicion)
	for id, of := range s.suspects {
		if !of.watched {
			of.watched = true
			unwatched[id] = of
		}
	}
	return unwatched
}

// checked ends the session of a suspect that is gone, unless it has sent a heartbeat meanwhile, and reports whether it
// has done so.
func (s *sessions) checked(id int32, of *suspicion, gone bool, now time.Time) bool {
	if of == nil || s.suspects[id] != of {
		return false
	}
	of.watched = false
	if gone {
		s.brokers[id].deadline, s.brokers[id].gone = now.Add(-1), true
	}
	return gone
}

// extend gives all sessions more time, in which no heartbeat could be received.
func (s *sessions) extend(more time.Duration) {
	for _, of := range s.brokers {
		of.deadline = of.deadline.Add(more)
	}
}

// ended is a broker whose session is over.
type ended struct {
	id    int32
	epoch int64
	since time.Time
	gone  bool // as in session
}

// reason is why the broker is fenced.
func (e ended) reason() string {
	if e.gone {
		return "no heartbeat received, and its address refuses connections"
	}
	return "no heartbeat received within broker.session.timeout.ms"
}

// expired returns the brokers whose sessions are over, the one that is over for longest first.
func (s *sessions) expired(now time.Time) []ended {
	var over []ended
	for id, of := range s.brokers {
		if now.After(of.due()) {
			over = append(over, ended{id, of.epoch, of.deadline, of.gone})
		}
	}
	slices.SortFunc(over, func(a, b ended) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) })
	return over
}

// next returns the time until the first broker has to be fenced, at most most.
func (s *sessions) next(now time.Time, most time.Duration) time.Duration {
	for _, of := range s.brokers {
		most = min(most, of.due().Sub(now)+1)
	}
	return max(most, 0)
}

// handedOver reports whether all other brokers have seen the image in which id has begun its controlled shutdown, and
// so know what they lead in its place.
func (s *sessions) handedOver(id int32) bool {
	lowest := int64(math.MaxInt64)
	for other, of := range s.brokers {
		if other != id && of.handedOver == 0 {
			lowest = min(lowest, of.index)
		}
	}
	of := s.brokers[id]
	return of == nil || of.handedOver <= lowest
}
