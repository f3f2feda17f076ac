package seglog

import "github.com/chronik-stream/chronik/core/domain/record"

// keep returns what is left of a batch: itself, a smaller one, an empty one, or nothing. Empty ones stay for what their
// headers say: the last sequence of a producer, and where a leader epoch begins. Without the latter a follower would
// take the epoch for one that begins later. As a leader it would not notice records of the epoch before that only one
// replica has there.
func (c *compaction) keep(b record.Batch) (record.Batch, error) {
	if b.Control() {
		return b, nil
	}
	horizon, dated := b.DeleteHorizon()
	left, err := c.thin(b, c.options(b), dated && c.now > horizon)
	switch {
	case err != nil:
		return nil, err
	case left.kept == 0 && (c.isLast(b) || c.epoch != b.LeaderEpoch()):
		return b.Emptied(), nil
	case left.kept == 0:
		return nil, nil
	case left.kept == b.Count() && (!left.tombstones || dated):
		return b, nil
	}
	if left.tombstones && !dated { // seen for the first time: they are removed when the horizon has passed
		o := c.options(b)
		horizon := c.now + c.config.DeleteRetention.Milliseconds()
		o.DeleteHorizon = &horizon
		if left, err = c.thin(b, o, false); err != nil {
			return nil, err
		}
	}
	left.build.SetLastOffset(b.LastOffset())
	return left.build.Build()
}

// thinned is a batch without the records that newer ones replace.
type thinned struct {
	build      *record.Builder
	kept       int32
	tombstones bool // there are some among those that are kept
}

// thin begins the batch that replaces b; expired says that tombstones are removed, too.
func (c *compaction) thin(b record.Batch, o record.Options, expired bool) (thinned, error) {
	left := thinned{build: record.NewBuilder(o)}
	for r, err := range b.Records(record.Limits{}) {
		if err != nil {
			return thinned{}, err
		}
		offset := b.BaseOffset() + int64(r.OffsetDelta)
		if r.Key == nil || c.newest.supersedes(r.Key, offset) || r.Value == nil && expired {
			continue
		}
		left.tombstones = left.tombstones || r.Value == nil
		left.kept++
		left.build.Add(offset, b.TimestampOf(r), r)
	}
	return left, nil
}

// isLast reports whether b is its producer's last batch.
func (c *compaction) isLast(b record.Batch) bool {
	last, known := c.lastOf[b.ProducerID()]
	return known && last.last == b.LastOffset()
}

// options are those under which b was built.
func (c *compaction) options(b record.Batch) record.Options {
	o := record.Options{
		BaseOffset:    b.BaseOffset(),
		LeaderEpoch:   b.LeaderEpoch(),
		Codec:         b.Attributes().Codec(),
		Transactional: b.Transactional(),
	}
	if b.ProducerID() >= 0 {
		o.Producer = &record.Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch(), Sequence: b.BaseSequence()}
	}
	if b.LogAppendTime() {
		ts := b.MaxTimestamp()
		o.LogAppendTime = &ts
	}
	if horizon, ok := b.DeleteHorizon(); ok {
		o.DeleteHorizon = &horizon
	}
	return o
}
