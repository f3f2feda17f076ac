package metalog

import "github.com/chronik-stream/chronik/core/domain/metadata"

// Limits of one commit: commands, and the estimated bytes of changed entities.
const (
	maxCommands = 256
	maxBytes    = 512 << 10
	entityBytes = 1 << 10 // the estimated size of an entity without its key
)

// Batch decides commands one after another and remembers what they change, for one commit.
type Batch struct {
	img      *metadata.Image
	changed  map[metadata.Entity]bool
	commands int // those that were allowed
	size     int // estimated bytes of the changed entities
}

func newBatch(img *metadata.Image) *Batch {
	return &Batch{img: img, changed: map[metadata.Entity]bool{}}
}

// Apply decides cmd against the batch's image so far. The error is metadata.Apply's.
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
