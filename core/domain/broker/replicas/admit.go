package replicas

import (
	"errors"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// admit validates the batch that a client wants to append. This is the part of an append that needs no lock. The batch
// that it returns is the client's own bytes, or a new batch when the topic has a compression type of its own.
//
// As in Kafka, max.message.bytes applies to the batch as sent and as written, segment.bytes only to the batch as
// written. The latter is checked last: a producer that can split its batch has to get MESSAGE_TOO_LARGE first.
func (p *Partition) admit(
	at *ProducePartition, parse func([]byte) (record.Batch, error), now int64, memory *record.Budget,
) (record.Batch, error) {
	b, err := parse(at.Records)
	if err != nil {
		return nil, err
	}
	if b.Transactional() { // the request has no transactional id, otherwise it would have been refused before
		return nil, fault.New(fault.TransactionalIDAuthorizationFailed, "transactional records need a transactional id")
	}
	at.LogStartOffset = p.log.StartOffset() // errors from here on are sent with it
	cfg := p.config.Load()
	info, err := record.Check(b, record.Rules{
		Topic: p.topic, Partition: p.index, MaxBytes: cfg.MaxMessageBytes, Compacted: cfg.Compacted,
		LogAppendTime: cfg.LogAppendTime, Now: now, Before: cfg.TimestampBeforeMax, After: cfg.TimestampAfterMax,
		Limits: record.Limits{Budget: memory},
	})
	if err != nil {
		if rejected, ok := errors.AsType[*record.Rejected](err); ok {
			at.RecordErrors = rejected.Records
		}
		return nil, err
	}
	if cfg.CompressionType != "producer" {
		if b, err = p.recompress(b, cfg, record.Limits{Bytes: info.RecordBytes, Budget: memory}); err != nil {
			return nil, err
		}
	}
	if int64(len(b)) > cfg.Log.SegmentBytes {
		return nil, fault.New(fault.RecordListTooLarge, "Message batch size is %d bytes in append to partition %s-%d, "+
			"which exceeds the maximum configured segment size of %d.", len(b), p.topic, p.index, cfg.Log.SegmentBytes)
	}
	return b, nil
}

// recompress returns b compressed with the topic's compression type.
func (p *Partition) recompress(
	b record.Batch, cfg *brokerconfigs.TopicConfig, limits record.Limits,
) (record.Batch, error) {
	codec, err := record.ParseCodec(cfg.CompressionType)
	if err != nil {
		return nil, err
	}
	if b, err = b.Recompress(codec, record.Level(cfg.CompressionLevel), limits); err != nil {
		return nil, err
	}
	if len(b) > cfg.MaxMessageBytes {
		return nil, fault.New(fault.MessageTooLarge,
			"Message batch size is %d bytes in append to partition %s-%d which exceeds the "+
				"maximum configured size of %d.", len(b), p.topic, p.index, cfg.MaxMessageBytes)
	}
	return b, nil
}
