package metalog

import "github.com/chronik-stream/chronik/core/domain/metadata"

// Bounds of one commit: commands, and bytes of those entities that are small.
const (
	maxCommands = 256
	maxBytes    = 512 << 10
	entityBytes = 1 << 10 // what an entity counts for, beside its key
)

// Batch decides commands one after another and remembers what they change, for one commit.
type Batch struct {
	img      *metadata.Image
	changed  map[metadata.Entity]bool
	commands int // that were allowed
	size     int // of the changed entities, roughly
}

func newBatch(img *metadata.Image) *Batch {
	return &Batch{img: img, changed: map[metadata.Entity]bool{}}
}

// Apply decides cmd against what the batch has made so far. The error is metadata.Apply's.
func (b *Batch) Apply(cmd metadata.Command) (metadata.Result, error) {
	next, result, err := metadata.Apply(b.img, cmd)
	if err != nil {
		return result, err
	}
	b.img = next
	b.commands++
	for _, e := range metadata.Touched(next, cmd) {
		if !b.changed[e] {
			b.changed[e] = true
			b.size += len(e) + entityBytes
		}
	}
	return result, nil
}

// Full reports whether the batch should be committed before it takes another command.
func (b *Batch) Full() bool { return b.size >= maxBytes || b.commands >= maxCommands }

func (b *Batch) entities() []metadata.Entity {
	entities := make([]metadata.Entity, 0, len(b.changed))
	for e := range b.changed {
		entities = append(entities, e)
	}
	return entities
}
