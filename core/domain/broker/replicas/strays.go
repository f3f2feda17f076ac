package replicas

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// SetStraysAside takes the logs away that restored metadata does not know, and keeps their files: their topics
// may have been made after the snapshot that it was restored from, and not deleted. It is called before any
// partition is opened; what is unknown later belongs to deleted topics. Metadata that was never restored knows of
// all topics that were not deleted.
func SetStraysAside(ctx context.Context, img *metadata.Image, logs ports.LogStore, log *slog.Logger) error {
	if !img.Restored() {
		return nil
	}
	stored, err := logs.Stored()
	if err != nil {
		return fmt.Errorf("list logs: %w", err)
	}
	for _, id := range stored {
		if t, ok := img.TopicByID(id.TopicID); ok && t.Name == id.Topic && int(id.Partition) < len(t.Partitions) {
			continue
		}
		if id.TopicID.IsZero() {
			continue // nothing says whose they are, and nobody deletes them
		}
		name, err := logs.SetAside(ctx, id)
		if err != nil {
			return fmt.Errorf("set the log of %s-%d aside: %w", id.Topic, id.Partition, err)
		}
		log.WarnContext(ctx, "records of a partition that the restored metadata does not know are kept", "topic", id.Topic,
			"topic_id", id.TopicID.String(), "partition", id.Partition, "directory", name)
	}
	return nil
}
