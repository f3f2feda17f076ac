package seglog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// finishSwaps completes or undoes a compaction that a crash has interrupted, and removes what was to be deleted. It
// returns the names that are left.
func (d *directory) finishSwaps(names []string) ([]string, error) {
	fs := d.opt.FS
	var kept []string
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, deletedSuffix),
			strings.HasSuffix(name, cleanedSuffix),
			strings.HasSuffix(name, temporarySuffix):
			if err := fs.Remove(d.file(name)); err != nil {
				return nil, err
			}
		case strings.HasSuffix(name, logSuffix+swapSuffix):
			final, err := d.completeSwap(name, names)
			if err != nil {
				return nil, err
			}
			kept = append(kept, final)
		default:
			kept = append(kept, name)
		}
	}
	slices.Sort(kept)
	return slices.DeleteFunc(slices.Compact(kept), func(name string) bool {
		exists, err := fs.Exists(d.file(name))
		return err == nil && !exists
	}), nil
}

// completeSwap puts a complete .swap file in place at a start, and removes the segments that it replaces. It returns
// the name of the segment file.
func (d *directory) completeSwap(name string, names []string) (string, error) {
	fs := d.opt.FS
	final := name[:len(name)-len(swapSuffix)]
	base, ok := parseSegmentName(final, logSuffix)
	if !ok {
		return "", fmt.Errorf("%s is no segment", d.file(name))
	}
	next := base + 1
	f, err := d.files.Acquire(d.file(name), false)
	if err != nil {
		return "", err
	}
	size, err := f.Size()
	for w, position := (headerWindow{file: f, limit: size}), int64(0); err == nil && position < size; {
		var b record.Batch
		if b, err = w.at(position); err == nil {
			next = b.NextOffset()
			position += int64(b.Size())
		}
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	d.files.Forget(d.file(name))
	for _, other := range names {
		if at, ok := parseSegmentName(other, logSuffix); ok && at >= base && at < next {
			if err := d.removeSegment(at); err != nil {
				return "", err
			}
		}
	}
	if err := fs.Rename(d.file(name), d.file(final)); err != nil {
		return "", err
	}
	return final, d.syncDir()
}
