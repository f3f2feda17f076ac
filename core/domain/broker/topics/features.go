package topics

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// UpdateFeatures raises features to new levels: all of them, or none if one is refused. With validateOnly nothing is
// changed. Error: fault.InvalidUpdateVersion.
func (c *Cluster) UpdateFeatures(ctx context.Context, updates []metadata.UpdateFeature, validateOnly bool) error {
	img := c.store.Image()
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
		if _, err := c.store.Apply(ctx, u); err != nil {
			return err
		}
	}
	return nil
}
