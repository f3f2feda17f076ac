package controller

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// sessions are until when the brokers of a cluster must be heard of again. It is a value of the metadata's leader and
// knows no clock: times come as parameters and are compared by their monotonic part.
type sessions struct {
	timeout  time.Duration
	brokers  map[int32]*session
	suspects map[int32]*suspicion
	fenced   map[int32]int64 // of each fenced broker, the index of the first image that was seen to say so
}

// suspicion is that a broker may have ended without a word: its heartbeat connection broke, or it was not heard of
// since this node leads. It ends when the broker is heard of.
type suspicion struct {
	watched bool // somebody is looking after it
}

// session is that of a broker in service.
type session struct {
	epoch    int64     // of the broker's registration
	deadline time.Time // of the next heartbeat
	retry    time.Time // before which it is not fenced, though the session may be over
	index    int64     // of the newest image that the broker has
	// of the image that the broker has to have seen: in which it was fenced last, 0 when it is not known to have been
	owed int64
	// handedOver is the index of the image in which the broker has begun its shutdown; 0 for none.
	handedOver int64
}

func newSessions(timeout time.Duration) *sessions {
	return &sessions{
		timeout: timeout, brokers: make(map[int32]*session), suspects: make(map[int32]*suspicion),
		fenced: make(map[int32]int64),
	}
}

// follow has a session for each broker that img has in service, a full one for those that had none, and no other.
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
		of.deadline, of.index = now.Add(s.timeout), max(of.index, index)
	}
}

// mayReturn reports whether a fenced broker that has seen the image with this index knows that it was fenced, and so
// that others lead what it has led.
func (s *sessions) mayReturn(id int32, index int64) bool { return index >= s.fenced[id] }

// knows reports whether a broker in service that has seen the image with this index knows that it was fenced, if it
// was: it may have been taken back into service by a command that was under way for long.
func (s *sessions) knows(id int32, index int64) bool {
	of := s.brokers[id]
	return of == nil || index >= of.owed
}

// postpone has a broker that could not be fenced left in service until then.
func (s *sessions) postpone(broker ended, until time.Time) {
	if of := s.brokers[broker.id]; of != nil && of.epoch == broker.epoch {
		of.retry = until
	}
}

// due returns when the broker is to be fenced, unless it is heard of.
func (of *session) due() time.Time {
	if of.retry.After(of.deadline) {
		return of.retry
	}
	return of.deadline
}

// suspect has somebody look whether the broker is gone, if it has a session.
func (s *sessions) suspect(id int32) {
	if _, known := s.suspects[id]; !known && s.brokers[id] != nil {
		s.suspects[id] = new(suspicion)
	}
}

// look returns the suspects that nobody is looking after. The caller does, and tells by looked.
func (s *sessions) look() map[int32]*suspicion {
	unwatched := make(map[int32]*suspicion)
	for id, of := range s.suspects {
		if !of.watched {
			of.watched = true
			unwatched[id] = of
		}
	}
	return unwatched
}

// looked ends the session of a suspect that is gone, unless it was heard of meanwhile, and
// reports whether it has done so.
func (s *sessions) looked(id int32, of *suspicion, gone bool, now time.Time) bool {
	if of == nil || s.suspects[id] != of {
		return false
	}
	of.watched = false
	if gone {
		s.brokers[id].deadline = now.Add(-1)
	}
	return gone
}

// extend gives all sessions more time: so long nobody could have been heard.
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
}

// expired returns the brokers whose sessions are over, the longest first.
func (s *sessions) expired(now time.Time) []ended {
	var over []ended
	for id, of := range s.brokers {
		if now.After(of.due()) {
			over = append(over, ended{id, of.epoch, of.deadline})
		}
	}
	slices.SortFunc(over, func(a, b ended) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.id, b.id)) })
	return over
}

// next returns how long it is until the first broker is due to be fenced, at most the given duration.
func (s *sessions) next(now time.Time, most time.Duration) time.Duration {
	for _, of := range s.brokers {
		most = min(most, of.due().Sub(now)+1)
	}
	return max(most, 0)
}

// handedOver reports whether all brokers that are to take over from id know that they are.
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
