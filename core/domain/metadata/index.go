package metadata

import (
	"iter"
	"math/rand/v2"
)

// index is an immutable ordered map with string keys; the zero index is empty. A changed index shares all but one path
// with the one that it was made from. It is a treap: a search tree by key and a heap by random priorities of the nodes.
// So it stays as flat as a random tree whatever the order of insertions. The random numbers affect the tree's shape
// only, never its contents or their order, so that Apply stays deterministic.
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
	fresh := &node[T]{key: key, value: value, priority: rand.Uint32()}
	return index[T]{x.root.insert(fresh), x.size + 1}
}

// remove returns the index without key.
func (x index[T]) remove(key string) index[T] {
	if _, ok := x.get(key); !ok {
		return x
	}
	return index[T]{x.root.remove(key), x.size - 1}
}

// mapped returns the index with every value replaced for which change returns another one and true. Unchanged parts are
// shared.
func (x index[T]) mapped(change func(T) (T, bool)) index[T] {
	return index[T]{x.root.mapped(change), x.size}
}

// from yields the entries whose keys are key or come after it, in order.
func (x index[T]) from(key string) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) { x.root.walk(key, yield) }
}

// changes yields the values that differ between old and x: the old one and the new one, either of which is the zero
// value when the key is missing there. Subtrees that both share are skipped.
func changes[T comparable](old, x index[T]) iter.Seq2[T, T] {
	return func(yield func(T, T) bool) { diff(old.root, x.root, yield) }
}

// diff yields the differences of two trees, and reports whether yield wants more.
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
		return diff(old.left, fresh.left, yield) && (old.value == fresh.value || yield(old.value, fresh.value)) &&
			diff(old.right, fresh.right, yield)
	case old.priority >= fresh.priority: // this root is the higher one: split the other tree at its key
		value, _ := index[T]{root: fresh}.get(old.key)
		below, above := fresh.around(old.key)
		return diff(old.left, below, yield) && (old.value == value || yield(old.value, value)) &&
			diff(old.right, above, yield)
	default:
		value, _ := index[T]{root: old}.get(fresh.key)
		below, above := old.around(fresh.key)
		return diff(below, fresh.left, yield) && (value == fresh.value || yield(value, fresh.value)) &&
			diff(above, fresh.right, yield)
	}
}

// around is split without the key itself, which may be in the tree.
func (n *node[T]) around(key string) (below, above *node[T]) {
	if _, ok := (index[T]{root: n}).get(key); ok {
		n = n.remove(key)
	}
	return n.split(key)
}

// The methods of a node never change it or the nodes below it. They return the root of a new tree.

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

// insert returns the tree with fresh, whose key must not be in it. It takes ownership of fresh.
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

// split returns the trees of the keys below key and of those from key on.
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

// walk yields the entries from key on, and reports whether yield wants more.
func (n *node[T]) walk(key string, yield func(string, T) bool) bool {
	if n == nil {
		return true
	}
	if n.key >= key && !(n.left.walk(key, yield) && yield(n.key, n.value)) {
		return false
	}
	return n.right.walk(key, yield)
}
