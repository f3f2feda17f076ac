package metadata

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestAnIndexIsAMapInOrderAndItsPastsStay holds an index, and all that came before it, against plain maps.
func TestAnIndexIsAMapInOrderAndItsPastsStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			got  index[int]
			want map[string]int
		}
		versions := []version{{want: map[string]int{}}}
		keys := rapid.StringN(0, 2, -1)
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			last := versions[len(versions)-1]
			next := version{want: maps.Clone(last.want)}
			if key := keys.Draw(t, "key"); rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
				next.got = last.got.remove(key)
				delete(next.want, key)
			} else {
				next.got = last.got.set(key, n)
				next.want[key] = n
			}
			versions = append(versions, next)
		}
		from := keys.Draw(t, "from")
		for n, v := range versions {
			ordered := slices.DeleteFunc(slices.Sorted(maps.Keys(v.want)), func(key string) bool { return key < from })
			var got []string
			for key, value := range v.got.from(from) {
				if got = append(got, key); value != v.want[key] {
					t.Fatalf("version %d: %q is %d, want %d", n, key, value, v.want[key])
				}
			}
			if !slices.Equal(got, ordered) || v.got.size != len(v.want) {
				t.Fatalf("version %d from %q: %q of %d, want %q of %d", n, from, got, v.got.size, ordered, len(v.want))
			}
			for key, want := range v.want {
				if value, ok := v.got.get(key); !ok || value != want {
					t.Fatalf("version %d: get(%q) = %d, %t, want %d", n, key, value, ok, want)
				}
			}
		}
	})
}

// TestChangesAreWhatDiffersBetweenTwoIndexes compares any two versions of an index, related or not.
func TestChangesAreWhatDiffersBetweenTwoIndexes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var versions []index[int]
		for tree := range 2 { // the second has other priorities for the same keys
			var x index[int]
			for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
				if key := rapid.StringN(0, 2, -1).Draw(t, "key"); rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
					x = x.remove(key)
				} else {
					x = x.set(key, 1+n/2+tree)
				}
				versions = append(versions, x)
			}
		}
		old := rapid.SampledFrom(versions).Draw(t, "old")
		fresh := rapid.SampledFrom(versions).Draw(t, "fresh")
		type change struct{ from, to int }
		var want, got []change
		keys := map[string]bool{}
		for key := range old.from("") {
			keys[key] = true
		}
		for key := range fresh.from("") {
			keys[key] = true
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			from, _ := old.get(key)
			to, _ := fresh.get(key)
			if from != to {
				want = append(want, change{from, to})
			}
		}
		for from, to := range changes(old, fresh) {
			got = append(got, change{from, to})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("changes %v, want %v", got, want)
		}
	})
}

// TestAnIndexStaysFlat: keys in order, which would make a list of a plain search tree.
func TestAnIndexStaysFlat(t *testing.T) {
	var x index[int]
	for n := range 10_000 {
		x = x.set(fmt.Sprintf("%05d", n), n)
	}
	if depth := x.root.depth(); depth > 60 { // a random tree of that size has 33, give or take 3
		t.Errorf("10,000 entries are %d deep", depth)
	}
}

func (n *node[T]) depth() int {
	if n == nil {
		return 0
	}
	return 1 + max(n.left.depth(), n.right.depth())
}

func BenchmarkFindTopicAmong100000(b *testing.B) {
	l := NewLoader()
	l.header = &headerFields{Index: 1}
	for n := range 100_000 {
		t := &Topic{
			Name: fmt.Sprintf("customer-%05d.events-%d", n/10, n%10),
			ID:   TopicID{3, byte(n >> 16), byte(n >> 8), byte(n)},
		}
		t.Partitions = []Partition{{Replicas: []int32{1}}}
		if err := l.addTopic(t); err != nil {
			b.Fatal(err)
		}
	}
	img, err := l.Image()
	if err != nil {
		b.Fatal(err)
	}
	names := make([]string, 1024)
	for n := range names {
		k := n * 7919 % 100_000
		names[n] = fmt.Sprintf("customer-%05d.events-%d", k/10, k%10)
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, ok := img.Topic(names[n%len(names)]); !ok {
			b.Fatal("not found")
		}
	}
}
