//go:build linux

package allocate

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func blocksOf(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestAFileHasItsSpaceBeforeItIsWritten(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const some = 1 << 20
	if _, err := f.Write(make([]byte, some)); err != nil {
		t.Fatal(err)
	}
	if err := Ahead(f, some, 4*some); err != nil {
		t.Fatal(err)
	}
	if got := blocksOf(t, f); got < 5*some {
		t.Errorf("the file has %d bytes on disk", got)
	}
	if info, err := f.Stat(); err != nil || info.Size() != some {
		t.Errorf("its size is %d, %v", info.Size(), err)
	}
	if err := f.Truncate(8 * some); err != nil { // larger: what is set aside stays
		t.Fatal(err)
	}
	if got := blocksOf(t, f); got < 5*some {
		t.Errorf("the file has %d bytes on disk after it has grown", got)
	}
	if err := Ahead(f, 0, 1<<60); !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Ahead() = %v for more than there is", err)
	}
}

func TestAFileGrowsWithAllItsSpace(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int64{1 << 20, 5 << 20} {
		if err := Grow(f, size); err != nil {
			t.Fatal(err)
		}
		if info, err := f.Stat(); err != nil || info.Size() != size || blocksOf(t, f) < size {
			t.Errorf("its size is %d, with %d bytes on disk, %v; want %d", info.Size(), blocksOf(t, f), err, size)
		}
	}
	if err := Grow(f, 1<<60); !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EFBIG) {
		t.Errorf("Grow() = %v for more than there is", err)
	}
}
