package metadata

import (
	"iter"
	"math/rand/v2"
)

// index is an immutable ordered map with strings as keys; the zero index is empty. A changed index shares
// all but one path with the one it came from. It is a treap: a search tree by key and a heap by a priority
// that each node draws, which keeps it as flat as a random tree whatever the order of the keys. Chance shapes
// the tree and nothing that can be seen from outside.
type index[T any] struct {
	root *node[T]
	size int
}

type node[T any] struct {
	key         string
	value       T
	left, right *node[T]
	priority    uint32
}

func (x index[T]) get(key string) (value T, ok bool) {
	for n := x.root; n != nil; {
		switch {
		case key < n.key:
			n = n.left
		case key > n.key:
			n = n.right
		default:
			return n.value, true
		}
	}
	return value, false
}

// set returns the index in which key has the value.
func (x index[T]) set(key string, value T) index[T] {
	if _, ok := x.get(key); ok {
		return index[T]{x.root.replace(key, value), x.size}
	}
	return index[T]{x.root.insert(&node[T]{key: key, value: value, priority: rand.Uint32()}), x.size + 1} //nolint:gosec // shape only
}

// remove returns the index without key.
func (x index[T]) remove(key string) index[T] {
	if _, ok := x.get(key); !ok {
		return x
	}
	return index[T]{x.root.remove(key), x.size - 1}
}

// mapped returns the index in which change has been asked about every value: what it returns with true takes the value's place.
// Parts without change are shared.
func (x index[T]) mapped(change func(T) (T, bool)) index[T] {
	return index[T]{x.root.mapped(change), x.size}
}

// from yields the entries whose keys are key or come after it, in order.
func (x index[T]) from(key string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) { x.root.walk(key, yield) }
}

// changes yields the values that x has otherwise than old: the old one and the new one, of which one may be missing and is the zero value
// then. What the two share is not looked at.
func changes[T comparable](old, x index[T]) iter.Seq2[T, T] {
	return func(yield func(T, T) bool) { diff(old.root, x.root, yield) }
}

// diff reports whether it may go on.
func diff[T comparable](old, fresh *node[T], yield func(T, T) bool) bool {
	var none T
	switch {
	case old == fresh:
		return true
	case old == nil:
		return fresh.walk("", func(_ string, value T) bool { return yield(none, value) })
	case fresh == nil:
		return old.walk("", func(_ string, value T) bool { return yield(value, none) })
	case old.key == fresh.key:
		return diff(old.left, fresh.left, yield) && (old.value == fresh.value || yield(old.value, fresh.value)) && diff(old.right, fresh.right, yield)
	case old.priority >= fresh.priority: // the root of the other tree that shares the most with it
		value, _ := index[T]{root: fresh}.get(old.key)
		below, above := fresh.around(old.key)
		return diff(old.left, below, yield) && (old.value == value || yield(old.value, value)) && diff(old.right, above, yield)
	default:
		value, _ := index[T]{root: old}.get(fresh.key)
		below, above := old.around(fresh.key)
		return diff(below, fresh.left, yield) && (value == fresh.value || yield(value, fresh.value)) && diff(above, fresh.right, yield)
	}
}

// around is split for a key that may be there, and belongs to neither side.
func (n *node[T]) around(key string) (below, above *node[T]) {
	if _, ok := (index[T]{root: n}).get(key); ok {
		n = n.remove(key)
	}
	return n.split(key)
}

// The methods of a node leave it and all below it as they are. They return the root of what was asked for.

func (n *node[T]) replace(key string, value T) *node[T] {
	changed := *n
	switch {
	case key < n.key:
		changed.left = n.left.replace(key, value)
	case key > n.key:
		changed.right = n.right.replace(key, value)
	default:
		changed.value = value
	}
	return &changed
}

// insert takes fresh, whose key is not there, over.
func (n *node[T]) insert(fresh *node[T]) *node[T] {
	if n == nil {
		return fresh
	}
	if fresh.priority > n.priority {
		fresh.left, fresh.right = n.split(fresh.key)
		return fresh
	}
	changed := *n
	if fresh.key < n.key {
		changed.left = n.left.insert(fresh)
	} else {
		changed.right = n.right.insert(fresh)
	}
	return &changed
}

// split returns what lies below key and what lies above it.
func (n *node[T]) split(key string) (below, above *node[T]) {
	if n == nil {
		return nil, nil
	}
	changed := *n
	if n.key < key {
		changed.right, above = n.right.split(key)
		return &changed, above
	}
	below, changed.left = n.left.split(key)
	return below, &changed
}

func (n *node[T]) mapped(change func(T) (T, bool)) *node[T] {
	if n == nil {
		return nil
	}
	left := n.left.mapped(change)
	value, other := change(n.value)
	right := n.right.mapped(change)
	if left == n.left && right == n.right && !other {
		return n
	}
	fresh := &node[T]{key: n.key, value: n.value, left: left, right: right, priority: n.priority}
	if other {
		fresh.value = value
	}
	return fresh
}

func (n *node[T]) remove(key string) *node[T] {
	if key == n.key {
		return merge(n.left, n.right)
	}
	changed := *n
	if key < n.key {
		changed.left = n.left.remove(key)
	} else {
		changed.right = n.right.remove(key)
	}
	return &changed
}

// merge joins two trees; all keys of below come before those of above.
func merge[T any](below, above *node[T]) *node[T] {
	switch {
	case below == nil:
		return above
	case above == nil:
		return below
	case below.priority > above.priority:
		changed := *below
		changed.right = merge(below.right, above)
		return &changed
	default:
		changed := *above
		changed.left = merge(below, above.left)
		return &changed
	}
}

// walk yields what is at key or above, and reports whether it may go on.
func (n *node[T]) walk(key string, yield func(string, T) bool) bool {
	if n == nil {
		return true
	}
	if n.key >= key && !(n.left.walk(key, yield) && yield(n.key, n.value)) {
		return false
	}
	return n.right.walk(key, yield)
}
