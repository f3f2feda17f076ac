package replicas

import (
	"context"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
)

// LogDir describes the log directory, and the logs in it of this broker's replicas that are wanted. The error is
// fault.KafkaStorageError when the directory cannot be read, or that with which a log could not be opened.
func (ps *Partitions) LogDir(
	ctx context.Context, wanted func(topic string, index int32) bool,
) (ports.LogDir, []ports.LogUsage, error) {
	dir, err := ps.logs.Dir()
	if err != nil {
		return ports.LogDir{}, nil, fault.New(fault.KafkaStorageError, "log directory: %w", err)
	}
	var usages []ports.LogUsage
	for t := range ps.store.Image().Topics() {
		for i := range t.Partitions {
			index := int32(i)
			if !wanted(t.Name, index) || !slices.Contains(t.Partitions[i].Replicas, ps.nodeID) {
				continue
			}
			p, err := ps.replica(ctx, t, index)
			if err != nil {
				return ports.LogDir{}, nil, err
			}
			usages = append(usages, ports.LogUsage{Topic: t.Name, Partition: index, Size: p.log.Size()})
		}
	}
	return dir, usages, nil
}
