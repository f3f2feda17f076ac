package latest

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
)

func TestChangesYieldsWhatIsNewOnceAndEndsWithTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, ended := New(1), make(chan struct{})
		var seen []int
		go func() {
			for n := range v.Changes(t.Context(), ended) {
				seen = append(seen, n)
			}
		}()
		for _, n := range []int{1, 2, 2, 3} {
			v.Set(n)
			synctest.Wait()
		}
		close(ended)
		synctest.Wait()
		if want := []int{1, 2, 3}; !slices.Equal(seen, want) || v.Get() != 3 {
			t.Errorf("seen %v, want %v; the newest is %d", seen, want, v.Get())
		}
	})
}

func TestASlowReaderMissesOnlyOlderValues(t *testing.T) {
	v := New(0)
	var seen []int
	for n := range v.Changes(t.Context(), nil) {
		if seen = append(seen, n); n == 9 {
			break
		}
		for next := range 10 {
			v.Set(next)
		}
	}
	if want := []int{0, 9}; !slices.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}

func TestChangesEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v, n := New("a"), 0
	for range v.Changes(ctx, nil) {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d values", n)
	}
}
