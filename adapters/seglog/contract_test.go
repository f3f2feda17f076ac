package seglog

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestStoreKeepsThePortsContract(t *testing.T) {
	porttest.LogStore(t, func(t *testing.T, dir string) ports.LogStore { return openStore(t, dir) })
}

func TestStoreInMemoryKeepsThePortsContract(t *testing.T) {
	disks := make(map[string]disk.FS) // by the directory that a store is opened in again
	porttest.LogStore(t, func(t *testing.T, dir string) ports.LogStore {
		if disks[dir] == nil {
			disks[dir] = disk.Memory()
		}
		return openInMemory(t, disks[dir])
	})
}

// openInMemory returns a store on a disk in memory.
func openInMemory(t *testing.T, memory disk.FS) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: "memory", FS: memory, Journal: usualJournal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestARecordThatExpiresFreesItsMemory counts the files, of which each takes the memory of its bytes.
func TestARecordThatExpiresFreesItsMemory(t *testing.T) {
	s := openInMemory(t, disk.Memory())
	l, f := openLog(t, s, ports.LogConfig{SegmentBytes: 1, Delete: true, RetentionAge: time.Minute, RetentionBytes: -1})
	for range 10 {
		put(t, l, f, 1000, time.UnixMilli(0))
	}
	if err := l.Retain(t.Context(), time.UnixMilli(1_000_000), l.DurableEnd); err != nil {
		t.Fatal(err)
	}
	s.removeDue(time.Now())
	names, err := s.opt.FS.ReadDir(l.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if base, ok := strings.CutSuffix(name, logSuffix); ok && base < segmentName(10, "") ||
			strings.HasSuffix(name, deletedSuffix) {
			t.Errorf("%s is there still, of %v", name, names)
		}
	}
}
