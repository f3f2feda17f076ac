package record

// OffsetOfMaxTimestamp returns the first offset with the batch's largest timestamp. In a batch of LogAppendTime that is
// the first record's, and in a batch without timestamps the last offset. Errors are those of Records.
func (b Batch) OffsetOfMaxTimestamp(limit Limits) (offset, ms int64, err error) {
	if b.MaxTimestamp() == NoTimestamp {
		return b.LastOffset(), NoTimestamp, nil
	}
	offset, ms = b.LastOffset(), NoTimestamp
	for r, err := range b.records(limit) {
		if err != nil {
			return 0, NoTimestamp, err
		}
		if ts := b.TimestampOf(r); ts > ms {
			offset, ms = b.BaseOffset()+int64(r.OffsetDelta), ts
		}
		if ms == b.MaxTimestamp() {
			break
		}
	}
	return offset, ms, nil
}

// FirstAtOrAfter returns the first record at offset from or above whose timestamp is ms or later; ok is false when the
// batch has none. Errors are those of Records.
func (b Batch) FirstAtOrAfter(ms, from int64, limit Limits) (offset, timestamp int64, ok bool, err error) {
	if b.MaxTimestamp() < ms || b.LastOffset() < from {
		return 0, NoTimestamp, false, nil
	}
	for r, err := range b.records(limit) {
		if err != nil {
			return 0, NoTimestamp, false, err
		}
		at, ts := b.BaseOffset()+int64(r.OffsetDelta), b.TimestampOf(r)
		if at >= from && ts >= ms {
			return at, ts, true, nil
		}
	}
	return 0, NoTimestamp, false, nil
}
