package groups

import (
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// groupBatchBytes is about how large a batch of group records gets before another is begun: well below
// what a topic's max.message.bytes usually allows.
const groupBatchBytes = 256 << 10

// encodeGroupRecords returns the records as batches whose records have the timestamp ms.
func encodeGroupRecords(records []group.Record, ms int64) (batches []record.Batch, err error) {
	builder := record.NewBuilder(record.Options{})
	for i, r := range records {
		builder.Append(ms, r.Key(), r.Value())
		if i < len(records)-1 && builder.Size() < groupBatchBytes {
			continue
		}
		b, err := builder.Build()
		if err != nil {
			return nil, err
		}
		batches = append(batches, b)
		builder.Reset(record.Options{})
	}
	return batches, nil
}
