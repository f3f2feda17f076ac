package seglog

import (
	"path/filepath"
	"strconv"
	"strings"
)

// The endings of a segment's files, Kafka's own.
const (
	logSuffix       = ".log"
	indexSuffix     = ".index"
	timeIndexSuffix = ".timeindex"
	txnIndexSuffix  = ".txnindex"
	snapshotSuffix  = ".snapshot"
	deletedSuffix   = ".deleted" // to be removed after file.delete.delay.ms
	cleanedSuffix   = ".cleaned" // a compaction's work before it is complete
	swapSuffix      = ".swap"    // a compaction's work, complete, about to take its place
)

// segment is one segment file with its indexes.
type segment struct {
	base    int64 // offset of its first record, and its name
	size    int64 // bytes written to the .log file
	syncing int64 // bytes of it of which a sync was begun

	maxTimestamp    int64 // largest timestamp in it, milliseconds; valid when timed
	maxOffset       int64 // offset of the last record of the first batch with that timestamp
	timed           bool
	markedTimestamp int64 // of the last entry in the time index, -1 for none
	torn            bool  // its end was cut off at the start
	dirty           bool  // written to since its last sync
	indexDirty      bool  // its indexes were written to since their last sync
	distrusted      bool  // its indexes do not tell the truth
	timesChecked    bool  // maxTimestamp is known to be that of the records, not only of the time index
	next            int64 // end of its records; known after recoverSegment

	index     sparseIndex // offsets to positions
	timeIndex sparseIndex // timestamps to offsets
	sinceMark int64       // bytes since the last index entry
}

func newSegment(base int64) *segment { return &segment{base: base, markedTimestamp: -1} }

// segmentName returns the name of a segment's file.
func segmentName(base int64, suffix string) string {
	const zeros = "00000000000000000000"
	digits := strconv.FormatInt(base, 10)
	return zeros[len(digits):] + digits + suffix
}

// parseSegmentName returns the base offset in a file's name with this suffix.
func parseSegmentName(name, suffix string) (base int64, ok bool) {
	digits, found := strings.CutSuffix(name, suffix)
	if !found || len(digits) != 20 {
		return 0, false
	}
	base, err := strconv.ParseInt(digits, 10, 64)
	return base, err == nil && base >= 0
}

// path returns the path of the segment's file with this suffix.
func (l *Log) path(base int64, suffix string) string {
	return l.dir() + string(filepath.Separator) + segmentName(base, suffix)
}

// suffixes are those of all files that belong to a segment.
var suffixes = []string{logSuffix, indexSuffix, timeIndexSuffix, txnIndexSuffix}
