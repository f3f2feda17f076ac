package partition

import (
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// crowded returns an empty log whose producers are counted in memory.
func crowded(t *testing.T, memory *ProducerMemory) *log {
	t.Helper()
	l := newLog(t)
	l.producers.CountIn(memory)
	return l
}

func (l *log) remembers(id int64) bool { return l.producers.known.find(id) != nil }

func TestMadeUpProducerIDsTakeNoMoreThanTheirMemory(t *testing.T) {
	memory := NewProducerMemory(1000 * producerBytes)
	l := crowded(t, memory)
	const busy, idle = 1, 2
	l.want(batch(idle, 0, 0, 1, false), 0, fault.None)
	for i := range int64(50_000) {
		if i%500 == 0 {
			b := batch(busy, 0, int32(i/500), 1, false)
			l.want(b, l.end, fault.None)
			l.want(b, b.BaseOffset(), fault.None) // sent again
		}
		l.want(batch(1_000_000+i*7919, 0, 0, 1, false), l.end, fault.None)
	}
	if n := l.producers.Len(); n != 1000 || memory.Held() != 1000 {
		t.Errorf("%d producers are remembered, counted %d, want 1000", n, memory.Held())
	}
	if !l.remembers(busy) || l.remembers(idle) {
		t.Errorf("the busy producer is remembered: %t, the one that has been idle for longest: %t", l.remembers(busy),
			l.remembers(idle))
	}
}

func TestAFloodOfProducersOfOnePartitionHarmsNoOther(t *testing.T) {
	memory := NewProducerMemory(100 * producerBytes)
	quiet, flooded, later := crowded(t, memory), crowded(t, memory), crowded(t, memory)
	for id := range int64(20) {
		quiet.want(batch(id, 0, 0, 1, false), id, fault.None)
	}
	for id := range int64(1000) {
		flooded.want(batch(id, 0, 0, 1, false), id, fault.None)
	}
	for id := range int64(20) {
		later.want(batch(id, 0, 0, 1, false), id, fault.None)
	}
	if n := quiet.producers.Len(); n != 20 {
		t.Errorf("the quiet partition remembers %d of its 20 producers", n)
	}
	if n := later.producers.Len(); n != alwaysRemembered || !later.remembers(19) || later.remembers(0) {
		t.Errorf("a partition that came later remembers %d producers, want the last %d", n, alwaysRemembered)
	}
}

func TestAProducerWithAnOpenTransactionIsNotForgotten(t *testing.T) {
	l := crowded(t, NewProducerMemory(0))
	l.want(batch(1, 0, 0, 1, true), 0, fault.None)
	for id := range int64(100) {
		l.want(batch(100+id, 0, 0, 1, false), l.end, fault.None)
	}
	if n := l.producers.Len(); n != alwaysRemembered || !l.remembers(1) {
		t.Errorf("%d producers are remembered, the one with a transaction: %t", n, l.remembers(1))
	}
	l.wantOpen(0)
}

func TestMemoryOfProducersIsGivenBack(t *testing.T) {
	memory := NewProducerMemory(50 * producerBytes)
	l := crowded(t, memory)
	for id := range int64(40) {
		l.now += 1000
		l.want(batch(id, 0, 0, 1, false), id, fault.None)
	}
	l.producers.Expire(l.now, 10_000)
	if memory.Held() != 10 || l.producers.Len() != 10 {
		t.Errorf("after the expiry %d are counted, %d remembered, want 10", memory.Held(), l.producers.Len())
	}
	all := slices.Collect(l.producers.All())
	l.producers.Restore(slices.Values(slices.Concat(all, all)))
	if memory.Held() != 10 {
		t.Errorf("after they were restored %d are counted, want 10", memory.Held())
	}
	l.producers.Clear()
	if memory.Held() != 0 || l.producers.Len() != 0 || l.remembers(39) {
		t.Errorf("after all were forgotten %d are counted", memory.Held())
	}
}

// A log's producers are counted when it was opened: those that there is no room for are removed.
func TestOfTheProducersOfALogTheLastOnesHaveRoom(t *testing.T) {
	l := newLog(t)
	for id := range int64(100) {
		l.want(batch(id, 0, 0, 1, false), id, fault.None)
	}
	memory := NewProducerMemory(60 * producerBytes)
	l.producers.CountIn(memory)
	if n := l.producers.Len(); n != 60 || memory.Held() != 60 || !l.remembers(40) || l.remembers(39) {
		t.Errorf("%d are remembered, %d counted, want the last 60", n, memory.Held())
	}
}

func TestWhereMemoryIsUsedUpProducersExpireEarlier(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	memory := NewProducerMemory(10 * producerBytes)
	l := crowded(t, memory)
	for id := range int64(5) {
		l.want(batch(id, 0, 0, 1, false), l.end, fault.None)
	}
	l.now += crowdedAge
	l.producers.Expire(l.now, day)
	if n := l.producers.Len(); n != 5 {
		t.Errorf("%d producers are remembered where there is room, want 5", n)
	}
	for id := range int64(5) {
		l.want(batch(100+id, 0, 0, 1, false), l.end, fault.None)
	}
	l.producers.Expire(l.now, day)
	if n := l.producers.Len(); n != 9 || l.remembers(0) || !l.remembers(1) {
		t.Errorf("%d producers are remembered, want 9: as few are forgotten as make room", n)
	}
}

func TestAProducerTakesNoMoreThanItIsCountedFor(t *testing.T) {
	const n = 100_000
	var before, after runtime.MemStats
	l := crowded(t, NewProducerMemory(n*producerBytes))
	runtime.GC()
	runtime.ReadMemStats(&before)
	for id := range int64(n) {
		l.producers.enter(batch(id, 0, 0, 1, false), 1)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if each := (after.HeapAlloc - before.HeapAlloc) / n; l.producers.Len() != n || each > producerBytes {
		t.Errorf("each of %d producers takes %d bytes, counted are %d", l.producers.Len(), each, producerBytes)
	}
}

func TestAnIdleListIsAListInTheOrderOfAppends(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, want := new(idleList), []int64(nil)
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			id := rapid.Int64Range(0, 20).Draw(t, "id")
			p := l.find(id)
			if at := slices.Index(want, id); (p != nil) != (at >= 0) || p != nil && p.id != id {
				t.Fatalf("find(%d) = %+v, the list is %d", id, p, want)
			} else if at >= 0 {
				want = slices.Delete(want, at, at+1)
			}
			switch {
			case p == nil:
				l.add(&producer{id: id})
				want = append(want, id)
			case rapid.Bool().Draw(t, "remove"):
				l.remove(p)
			default:
				l.touch(p)
				want = append(want, id)
			}
			var got, back []int64
			for p := l.first(); p != nil; p = p.newer {
				got = append(got, p.id)
			}
			for p := l.newest; p != nil; p = p.older {
				back = append(back, p.id)
			}
			slices.Reverse(back)
			if !slices.Equal(got, want) || !slices.Equal(back, want) || l.count != len(want) {
				t.Fatalf("%d, backwards %d, counted %d, want %d", got, back, l.count, want)
			}
		}
	})
}
