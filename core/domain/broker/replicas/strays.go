package replicas

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// SetStraysAside moves logs aside whose topics are missing in metadata that was restored from a snapshot, and keeps
// their files: these topics may have been created after the snapshot. It must be called before any partition is opened.
// Logs that are unknown later belong to deleted topics. So do all unknown logs if the metadata was never restored.
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
			continue // its topic cannot be told, and sweep does not delete it either
		}
		name, err := logs.SetAside(ctx, id)
		if err != nil {
			return fmt.Errorf("set the log of %s-%d aside: %w", id.Topic, id.Partition, err)
		}
		log.WarnContext(ctx, "log set aside: the restored metadata does not have its partition", "topic", id.Topic,
			"topic_id", id.TopicID.String(), "partition", id.Partition, "directory", name)
	}
	return nil
}
