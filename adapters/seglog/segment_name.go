package seglog

import (
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
	cleanedSuffix   = ".cleaned" // a compaction's output before it is complete
	swapSuffix      = ".swap"    // a compaction's output, complete, about to replace segments
)

// suffixes are those of all files that belong to a segment.
var suffixes = []string{logSuffix, indexSuffix, timeIndexSuffix, txnIndexSuffix}

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
