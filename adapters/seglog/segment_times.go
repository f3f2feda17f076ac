package seglog

import (
	"errors"
	"io"
	"math"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// timedView is a segmentView for a search by time.
type timedView struct {
	segmentView
	times   indexView
	max     int64 // its largest timestamp, math.MaxInt64 for not known
	checked bool  // max is known to be right
	durable int64 // end of what is durable
	next    int64 // base of the segment behind it, or the log's end
}

// newest returns the largest timestamp in the segment, math.MaxInt64 when it is not known. What the time index says of
// a segment is checked once: a segment whose records seem too old is skipped, or deleted.
func (t timedView) newest() (int64, error) {
	if t.checked || t.max == math.MaxInt64 {
		return t.max, nil
	}
	from, sound, err := t.timeMark(func(int64, int64) bool { return true })
	if err == nil && sound {
		err = t.headers(max(from, t.base), func(b record.Batch) bool {
			sound = b.MaxTimestamp() <= t.max
			return sound
		})
	}
	switch {
	case err != nil:
		return 0, err
	case !sound:
		t.of.distrust()
		return math.MaxInt64, nil
	}
	mu := &t.of.dir.mu
	mu.Lock()
	defer mu.Unlock()
	t.of.timesChecked = true
	return t.max, nil
}

// timeMark returns the offset of the last entry of the time index for which keep is true, -1 for none. The entry is
// compared with the batch there: sound is false, and the offset -1, when that has another timestamp.
func (t timedView) timeMark(keep func(ms, offset int64) bool) (offset int64, sound bool, err error) {
	entry, ok, err := t.times.last(func(e []byte) bool { return keep(decodeTimeMark(t.base, e)) })
	switch {
	case errors.Is(err, io.EOF), missing(err):
		return -1, false, nil
	case err != nil || !ok:
		return -1, true, err
	}
	ms, offset := decodeTimeMark(t.base, entry)
	sound = offset >= t.durable && offset < t.next // behind what can be read yet
	err = t.headers(offset, func(b record.Batch) bool {
		sound = b.BaseOffset() <= offset && b.MaxTimestamp() == ms
		return false
	})
	if err != nil || !sound {
		return -1, false, err
	}
	return offset, true, nil
}
