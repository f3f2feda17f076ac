package metadata

import (
	"iter"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// index is an immutable ordered map from byte strings; the zero index is empty. A changed index
// shares all but one path with the one it came from.
type index[T any] struct{ tree *iradix.Tree[T] }

func (x index[T]) get(key []byte) (T, bool) {
	if x.tree == nil {
		var none T
		return none, false
	}
	return x.tree.Get(key)
}

func (x index[T]) set(key []byte, value T) index[T] {
	if x.tree == nil {
		x.tree = iradix.New[T]()
	}
	tree, _, _ := x.tree.Insert(key, value)
	return index[T]{tree}
}

func (x index[T]) remove(key []byte) index[T] {
	if x.tree == nil {
		return x
	}
	tree, _, _ := x.tree.Delete(key)
	return index[T]{tree}
}

func (x index[T]) size() int {
	if x.tree == nil {
		return 0
	}
	return x.tree.Len()
}

// from yields the entries whose keys are key or come after it, in order.
func (x index[T]) from(key []byte) iter.Seq2[[]byte, T] {
	return func(yield func([]byte, T) bool) {
		if x.tree == nil {
			return
		}
		it := x.tree.Root().Iterator()
		it.SeekLowerBound(key)
		for k, v, ok := it.Next(); ok && yield(k, v); k, v, ok = it.Next() {
		}
	}
}

// filling fills an index in place before anyone else sees it.
type filling[T any] struct{ txn *iradix.Txn[T] }

func newFilling[T any]() filling[T] { return filling[T]{iradix.New[T]().Txn()} }

// add reports whether key was new; the value is taken in any case.
func (f filling[T]) add(key []byte, value T) bool {
	_, replaced := f.txn.Insert(key, value)
	return !replaced
}

func (f filling[T]) index() index[T] { return index[T]{f.txn.CommitOnly()} }
