package raftmeta

// windowSize is how many proposals a node may have under way, and so for how many of its newest sequence numbers it
// must be known which were applied.
const windowSize = 256

// verdict says what to do with a proposal.
type verdict uint8

const (
	admitted  verdict = iota // it is new
	duplicate                // it was applied before, or it has no waiter any more
	stale                    // an earlier run of its node has made it
)

// window remembers which proposals of one node were applied. It is the same on all nodes after the same entries, and
// its size is constant.
type window struct {
	Boot uint64                  `cbor:"1,keyasint"` // the node's run that the rest is about
	Low  uint64                  `cbor:"2,keyasint"` // below it, all count as applied
	Seen [windowSize / 64]uint64 `cbor:"3,keyasint"` // one bit for each number from Low on, by its remainder
}

// admit decides about a proposal by its id, and remembers it.
func (w *window) admit(id proposalID) verdict {
	switch {
	case id.Boot < w.Boot:
		return stale
	case id.Boot > w.Boot:
		*w = window{Boot: id.Boot}
	}
	w.advance(id.Low)
	if id.Sequence < w.Low {
		return duplicate
	}
	if id.Sequence-w.Low >= windowSize { // no proposer goes so far ahead of what it waits for
		w.advance(id.Sequence - windowSize + 1)
	}
	word, bit := w.place(id.Sequence)
	if *word&bit != 0 {
		return duplicate
	}
	*word |= bit
	return admitted
}

// advance forgets the numbers below low.
func (w *window) advance(low uint64) {
	if low <= w.Low {
		return
	}
	if low-w.Low >= windowSize {
		clear(w.Seen[:])
	} else {
		for n := w.Low; n < low; n++ {
			word, bit := w.place(n)
			*word &^= bit
		}
	}
	w.Low = low
}

func (w *window) place(sequence uint64) (word *uint64, bit uint64) {
	n := sequence % windowSize
	return &w.Seen[n/64], 1 << (n % 64)
}
