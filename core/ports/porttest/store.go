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

// Store is a metadata store in memory, of a broker that is alone. It keeps the contract of ports.MetadataStore, but for
// durability: what it holds is gone with it.
type Store struct {
	deciding sync.Mutex // one command after the other
	images   *latest.Value[*metadata.Image]
	once     sync.Once
	closed   chan struct{}
}

// NewStore returns a store without metadata.
func NewStore() *Store {
	return &Store{images: latest.New(new(metadata.Image)), closed: make(chan struct{})}
}

// Show replaces the metadata, as when another node has decided on them, and tells who watches.
func (s *Store) Show(img *metadata.Image) { s.images.Set(img) }

// Tell tells who watches, though nothing has changed.
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

// Barrier returns at once: nobody else decides.
func (s *Store) Barrier(ctx context.Context) error { return s.usable(ctx) }

// Watch yields the metadata as they are, and as they become.
func (s *Store) Watch(ctx context.Context) iter.Seq[*metadata.Image] {
	return s.images.Changes(ctx, s.closed)
}

// Leadership says that this node, 1, leads.
func (s *Store) Leadership() ports.Leadership { return ports.Leadership{Local: true, NodeID: 1} }

// Close ends all that watch.
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
