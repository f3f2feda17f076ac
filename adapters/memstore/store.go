// Package memstore keeps metadata in this process's memory: for a broker that is to leave nothing behind. It orders
// commands as the stores on disk do, and is durable for as long as the process lives, so it never fails to store one.
package memstore

import (
	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Store is a ports.MetadataStore in memory.
type Store struct{ *metalog.Log }

var _ ports.MetadataStore = (*Store)(nil)

// Open returns a store that continues from img, the empty image for one without metadata; nodeID is this node's broker
// id. Close ends it; its last image can still be read then.
func Open(img *metadata.Image, nodeID int32) *Store {
	return &Store{metalog.New(img, memory{}, metalog.Settings{NodeID: nodeID})}
}

// memory is a metalog.Journal that stores nothing: an image lives as long as it is referenced.
type memory struct{}

// Commit implements metalog.Journal.
func (memory) Commit(*metadata.Image, []metadata.Entity, int) error { return nil }

// Close implements metalog.Journal.
func (memory) Close(*metadata.Image) error { return nil }
