package seglog

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
)

// TestAnIndexThatCannotBeRebuiltForWantOfDescriptorsIsRebuiltLater has descriptors run short while the index of a
// segment is found to be wrong, and be there again later.
func TestAnIndexThatCannotBeRebuiltForWantOfDescriptorsIsRebuiltLater(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	_, l, f := openIn(t, opt, testID)
	for end := int64(20); end <= 400; end += 20 {
		appendBatch(t, l, 20)
		f.await(t, end)
	}
	failed := make(chan struct{}, 1)
	fs.Fail(func(op disktest.Op, path string) error {
		if op != disktest.OpOpen || !strings.HasSuffix(path, indexSuffix+temporarySuffix) {
			return nil
		}
		select {
		case failed <- struct{}{}:
		default:
		}
		return syscall.EMFILE
	})
	l.mu.Lock()
	wrong := l.segments[0]
	l.mu.Unlock()
	wrong.distrust()
	<-failed
	fs.Fail(nil)
	for deadline := time.Now().Add(20 * time.Second); wrong.isCurrent(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the index is not rebuilt")
		}
	}
	l.mu.Lock()
	distrusted := l.segments[0].distrusted
	l.mu.Unlock()
	if distrusted {
		t.Error("the new index is not believed")
	}
	wantOffsets(t, offsets(t, l, 4000), 0, 400)
}
