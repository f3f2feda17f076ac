package broker

import (
	"errors"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// admit checks the batch that a client wants to append, before it stands in line: this is the work that needs no
// lock. The batch that it returns is the client's own bytes, or a new one when the topic has a compression type of its own.
func (p *Partition) admit(at *ProducePartition, version int16, now int64) (record.Batch, error) {
	b, err := record.ParseProduced(at.Records, version)
	if err != nil {
		return nil, err
	}
	if b.Transactional() { // without the transactional id that would have been refused before
		return nil, fault.New(fault.TransactionalIDAuthorizationFailed, "transactional records need a transactional id")
	}
	at.LogStartOffset = p.log.StartOffset() // from here on, refusals tell it
	cfg := p.config.Load()
	if int64(len(b)) > cfg.Log.SegmentBytes {
		return nil, fault.New(fault.RecordListTooLarge, "Message batch size is %d bytes in append to partition %s-%d, "+
			"which exceeds the maximum configured segment size of %d.", len(b), p.topic, p.index, cfg.Log.SegmentBytes)
	}
	_, err = record.Check(b, record.Rules{
		Topic: p.topic, Partition: p.index, MaxBytes: cfg.MaxMessageBytes, Compacted: cfg.Compacted,
		LogAppendTime: cfg.LogAppendTime, Now: now, Before: cfg.TimestampBeforeMax, After: cfg.TimestampAfterMax,
	})
	if err != nil {
		if rejected, ok := errors.AsType[*record.Rejected](err); ok {
			at.RecordErrors = rejected.Records
		}
		return nil, err
	}
	if cfg.CompressionType == "producer" {
		return b, nil
	}
	codec, err := record.ParseCodec(cfg.CompressionType)
	if err != nil {
		return nil, err
	}
	if b, err = b.Recompress(codec, record.Level(cfg.CompressionLevel), record.Limits{}); err != nil {
		return nil, err
	}
	if len(b) > cfg.MaxMessageBytes {
		return nil, fault.New(fault.MessageTooLarge, "The record batch size in the append to %s-%d is %d bytes which exceeds the "+
			"maximum configured value of %d.", p.topic, p.index, len(b), cfg.MaxMessageBytes)
	}
	return b, nil
}
