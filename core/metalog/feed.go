package metalog

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// feed holds the newest image and tells who waits for a newer one.
type feed struct {
	image atomic.Pointer[metadata.Image]
	ended chan struct{} // closed when no newer image will come

	mu    sync.Mutex
	newer chan struct{} // closed when there is a newer image
}

func (f *feed) begin(img *metadata.Image) {
	f.ended, f.newer = make(chan struct{}), make(chan struct{})
	f.image.Store(img)
}

// Image implements ports.MetadataStore.
func (f *feed) Image() *metadata.Image { return f.image.Load() }

// Watch implements ports.MetadataStore. It ends when the store is closed, too.
func (f *feed) Watch(ctx context.Context) iter.Seq[*metadata.Image] {
	return func(yield func(*metadata.Image) bool) {
		var seen *metadata.Image
		for ctx.Err() == nil {
			f.mu.Lock()
			newer := f.newer
			f.mu.Unlock()
			if img := f.Image(); img != seen {
				seen = img
				if !yield(img) {
					return
				}
				continue
			}
			select {
			case <-newer:
			case <-ctx.Done():
			case <-f.ended:
				return
			}
		}
	}
}

func (f *feed) publish(img *metadata.Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.image.Store(img)
	close(f.newer)
	f.newer = make(chan struct{})
}
