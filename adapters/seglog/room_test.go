package seglog

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// TestASyncThatFailedForRoomIsNotForgottenByARead syncs segments to make room for other files, and fails. A reader
// comes first, and then the journal's files are to be freed: the log must not take for synced what is lost.
func TestASyncThatFailedForRoomIsNotForgottenByARead(t *testing.T) {
	fs := disktest.New()
	s, l, f := openIn(t, Options{Dir: "/data", FS: fs, Journal: usualJournal}, testID)
	appendBatch(t, l, 20)
	f.await(t, 20)
	fs.Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpSync && strings.HasSuffix(path, logSuffix) {
			return syscall.EIO
		}
		return nil
	})
	s.files.MakeRoom()
	fs.Fail(nil)
	for range 2 {
		if slice, err := l.Read(0, 20, 4000); err == nil {
			slice.Release()
		}
	}
	if err := l.Sync(); !errors.Is(err, syscall.EIO) || !errors.Is(l.offlineError(), fault.KafkaStorageError) {
		t.Errorf("the sync after one that has failed: %v; the log is offline by %v", err, l.offlineError())
	}
	if found, err := fs.Exists(l.file(syncFailedFile)); err != nil || !found {
		t.Errorf("the next start finds that a sync has failed: %t, %v", found, err)
	}
}
