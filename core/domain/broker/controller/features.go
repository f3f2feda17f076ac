package controller

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Features is the service that changes the levels of the cluster's features (KIP-584).
type Features struct{ store ports.MetadataStore }

// NewFeatures returns the service.
func NewFeatures(store ports.MetadataStore) *Features { return &Features{store: store} }

// Update raises features to new levels: all of them, or none if one is refused. With validateOnly nothing is changed.
// Error: fault.InvalidUpdateVersion.
func (f *Features) Update(ctx context.Context, updates []metadata.UpdateFeature, validateOnly bool) error {
	img := f.store.Image()
	for _, u := range updates {
		next, _, err := metadata.Apply(img, u)
		if err != nil {
			return err
		}
		img = next
	}
	if validateOnly {
		return nil
	}
	for _, u := range updates {
		if _, err := f.store.Apply(ctx, u); err != nil {
			return err
		}
	}
	return nil
}
