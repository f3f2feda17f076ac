package controller

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// TestSessionsEndWithoutHeartbeatsAndNotBefore compares the sessions with a plain record of what happened.
func TestSessionsEndWithoutHeartbeatsAndNotBefore(t *testing.T) {
	const timeout = 100 * time.Millisecond
	rapid.Check(t, func(t *rapid.T) {
		img, now := new(metadata.Image), time.Now()
		for id := range int32(3) {
			img, _, _ = metadata.Apply(img, metadata.RegisterBroker{ID: id, Incarnation: [16]byte{1}})
		}
		s, deadline, suspected := newSessions(timeout), map[int32]time.Time{}, map[int32]bool{}
		s.follow(img, now)
		for id := range int32(3) {
			deadline[id] = now.Add(timeout)
		}
		for range rapid.IntRange(1, 50).Draw(t, "steps") {
			id := rapid.Int32Range(0, 2).Draw(t, "broker")
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(1, 70).Draw(t, "ms")) * time.Millisecond)
			case 1:
				s.touch(id, 1, now)
				deadline[id], suspected[id] = now.Add(timeout), false
			case 2:
				s.suspect(id)
				suspected[id] = true
			case 5:
				if s.checked(id, s.suspects[id], true, now) != suspected[id] {
					t.Fatalf("broker %d, which is suspected: %t, is taken for something else", id, suspected[id])
				}
				if suspected[id] {
					deadline[id] = now.Add(-1)
				}
			case 3:
				s.extend(time.Millisecond)
				for id := range deadline {
					deadline[id] = deadline[id].Add(time.Millisecond)
				}
			case 4:
				s.follow(img, now)
			}
			over := map[int32]bool{}
			for _, e := range s.expired(now) {
				over[e.id] = true
			}
			for id, d := range deadline {
				if over[id] != now.After(d) {
					t.Fatalf("broker %d is over: %t, %v after its deadline", id, over[id], now.Sub(d))
				}
			}
			if wait := s.next(now, time.Hour); len(over) == 0 && len(s.expired(now.Add(wait))) == 0 || wait < 0 {
				t.Fatalf("nothing is over after the wait of %v", wait)
			}
		}
	})
}

func TestABrokerThatLeavesWaitsUntilTheOthersKnow(t *testing.T) {
	img, now := new(metadata.Image), time.Now()
	for id := range int32(3) {
		img, _, _ = metadata.Apply(img, metadata.RegisterBroker{ID: id, Incarnation: [16]byte{1}})
	}
	s := newSessions(time.Second)
	s.follow(img, now)
	img, res, err := metadata.Apply(img, metadata.ShutDownBroker{ID: 0, Epoch: 1})
	if err != nil {
		t.Fatal(err)
	}
	s.follow(img, now)
	s.touch(1, int64(res.Index), now)
	if s.handedOver(0) {
		t.Error("it may go, though broker 2 does not know")
	}
	s.touch(2, int64(res.Index), now)
	if !s.handedOver(0) {
		t.Error("it may not go, though all know")
	}
}
