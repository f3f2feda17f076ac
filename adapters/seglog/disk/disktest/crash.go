package disktest

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// Loss says what a crash takes.
type Loss int

// What a crash can take.
const (
	Nothing    Loss = iota // the process was killed: what was written is there
	Unsynced               // the power went, and nothing survives that was not synced
	SomeBlocks             // the power went, and any blocks of what was not synced survive
)

func (l Loss) String() string { return [...]string{"kill", "power loss", "torn power loss"}[l] }

// Crash returns the file system as it is found after a crash. The crashed one stays as it is, for what still uses
// it. r decides what of the unsynced survives: any blocks of 512 bytes or 4 KiB, and any first changes of a directory.
func (m *FS) Crash(loss Loss, r *rand.Rand) *FS {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{loss: loss, rand: r, seen: make(map[*node]*node)}
	return &FS{root: c.node(m.root)}
}

type crash struct {
	loss Loss
	rand *rand.Rand
	seen map[*node]*node
}

func (c *crash) node(n *node) *node {
	if done := c.seen[n]; done != nil {
		return done
	}
	after := &node{changed: n.changed}
	c.seen[n] = after
	if !n.dir() {
		if c.loss == Nothing { // and a later loss of power may still take what is not synced
			after.data, after.synced = slices.Clone(n.data), slices.Clone(n.synced)
			after.writes = slices.Clone(n.writes)
			return after
		}
		after.synced = c.bytes(n)
		after.data = slices.Clone(after.synced)
		return after
	}
	var names map[string]*node
	switch c.loss {
	case Nothing:
		names = maps.Clone(n.names)
	case Unsynced:
		names = maps.Clone(n.durable)
	case SomeBlocks:
		names = maps.Clone(n.durable)
		for _, change := range n.renames[:c.rand.IntN(len(n.renames)+1)] {
			change.apply(names)
		}
	}
	after.names = make(map[string]*node, len(names))
	for _, name := range slices.Sorted(maps.Keys(names)) {
		after.names[name] = c.node(names[name])
	}
	if c.loss != Nothing {
		after.durable = maps.Clone(after.names)
		return after
	}
	after.durable = make(map[string]*node, len(n.durable))
	for _, name := range slices.Sorted(maps.Keys(n.durable)) {
		after.durable[name] = c.node(n.durable[name])
	}
	for _, change := range n.renames {
		if change.node != nil {
			change.node = c.node(change.node)
		}
		after.renames = append(after.renames, change)
	}
	return after
}

func (c *crash) bytes(n *node) []byte {
	switch c.loss {
	case Unsynced:
		return slices.Clone(n.synced)
	case Nothing, SomeBlocks:
	}
	data := slices.Clone(n.synced)
	block := int64(512)
	if c.rand.IntN(2) == 0 {
		block = 4096
	}
	survive := []float64{0, 0.5, 0.9, 1}[c.rand.IntN(4)]
	for _, w := range n.writes {
		if w.truncate {
			if c.rand.Float64() < survive {
				data = w.apply(data)
			}
			continue
		}
		for end := w.off + int64(len(w.bytes)); w.off < end; {
			n := min(end, (w.off/block+1)*block) - w.off
			if c.rand.Float64() < survive {
				data = write{off: w.off, bytes: w.bytes[:n]}.apply(data)
			}
			w.off, w.bytes = w.off+n, w.bytes[n:]
		}
	}
	if c.rand.IntN(4) == 0 {
		data = resized(data, max(len(data), len(n.data))) // the size is there, the bytes are not
	}
	return data
}
