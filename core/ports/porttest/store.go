package porttest

import (
	"context"
	"iter"
	"sync"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/latest"
)

// Store is the metadata store of a standalone broker in memory. It fulfils the contract of ports.MetadataStore except
// for durability.
type Store struct {
	deciding sync.Mutex // serializes commands
	images   *latest.Value[*metadata.Image]
	once     sync.Once
	closed   chan struct{}
}

// NewStore returns a store without metadata.
func NewStore() *Store {
	return &Store{images: latest.New(new(metadata.Image)), closed: make(chan struct{})}
}

// Show replaces the metadata, as a command of another node would, and wakes the watchers.
func (s *Store) Show(img *metadata.Image) { s.images.Set(img) }

// Tell wakes the watchers though nothing has changed.
func (s *Store) Tell() {
	s.deciding.Lock()
	defer s.deciding.Unlock()
	same := *s.images.Get()
	s.images.Set(&same)
}

// Apply implements ports.MetadataStore, as do the methods below.
func (s *Store) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	s.deciding.Lock()
	defer s.deciding.Unlock()
	if err := s.usable(ctx); err != nil {
		return metadata.Result{}, err
	}
	next, res, err := metadata.Apply(s.images.Get(), cmd)
	s.images.Set(next)
	return res, err
}

// Image returns the newest metadata.
func (s *Store) Image() *metadata.Image { return s.images.Get() }

// Barrier returns at once, because there are no other nodes.
func (s *Store) Barrier(ctx context.Context) error { return s.usable(ctx) }

// Watch yields the current metadata and later changes.
func (s *Store) Watch(ctx context.Context) iter.Seq[*metadata.Image] {
	return s.images.Changes(ctx, s.closed)
}

// Leadership says that this node, 1, leads.
func (s *Store) Leadership() ports.Leadership { return ports.Leadership{Local: true, NodeID: 1} }

// Close ends all watchers.
func (s *Store) Close() error {
	s.deciding.Lock()
	defer s.deciding.Unlock()
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	select {
	case <-s.closed:
		return fault.New(fault.NotController, "the metadata store is closed")
	default:
		return ctx.Err()
	}
}
