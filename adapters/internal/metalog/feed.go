package metalog

import (
	"context"
	"iter"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/internal/latest"
)

// feed publishes the newest image.
type feed struct {
	images *latest.Value[*metadata.Image]
	ended  chan struct{} // closed when no newer image will come
}

func newFeed(img *metadata.Image) feed { return feed{latest.New(img), make(chan struct{})} }

// Image implements ports.MetadataStore.
func (f *feed) Image() *metadata.Image { return f.images.Get() }

// Watch implements ports.MetadataStore. It ends when the store is closed, too.
func (f *feed) Watch(ctx context.Context) iter.Seq[*metadata.Image] {
	return f.images.Changes(ctx, f.ended)
}

func (f *feed) publish(img *metadata.Image) { f.images.Set(img) }
