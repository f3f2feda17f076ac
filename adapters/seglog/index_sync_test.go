package seglog

import (
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestAnIndexThatCouldNotBeSyncedIsNotTrusted lacks descriptors when indexes are to be synced, and loses power after
// they were: what the index point says is synced must be on the disk.
func TestAnIndexThatCouldNotBeSyncedIsNotTrusted(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, MaxOpenFiles: 1, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	cfg := ports.LogConfig{SegmentBytes: 4000, IndexIntervalBytes: 1, RetentionAge: -1, RetentionBytes: -1}
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"a"})
	l := logs[0]
	for end := int64(20); end <= 400; end += 20 {
		appendBatch(t, l, 20)
		witnesses[0].await(t, end)
	}
	if err := l.Sync(); err != nil {
		t.Fatal(err)
	}
	fs.Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpOpen && strings.HasSuffix(path, indexSuffix) {
			return syscall.EMFILE
		}
		return nil
	})
	if err := s.writeAllCheckpoints(s.opened()); err != nil {
		t.Fatal(err)
	}
	if s.indexed.of[l.name()] != 0 {
		t.Errorf("indexes are vouched for up to %d though they could not be synced", s.indexed.of[l.name()])
	}
	fs.Fail(nil)
	if err := s.writeAllCheckpoints(s.opened()); err != nil {
		t.Fatal(err)
	}
	if s.indexed.of[l.name()] != 400 {
		t.Errorf("indexes are vouched for up to %d, want 400", s.indexed.of[l.name()])
	}
	left := fs.Crash(disktest.Unsynced, nil)
	for _, base := range bases(l)[:len(bases(l))-1] {
		for _, suffix := range []string{indexSuffix, timeIndexSuffix} {
			want, err := readFile(fs, l.path(base, suffix))
			if err != nil {
				t.Fatal(err)
			}
			got, err := readFile(left, l.path(base, suffix))
			if err != nil || string(got) != string(want) {
				t.Errorf(
					"%s of segment %d has %d bytes after a loss of power, before it had %d (%v)", suffix, base, len(got), len(want),
					err,
				)
			}
		}
	}
}
