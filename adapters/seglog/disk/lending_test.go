package disk

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// fullFS is a disk that takes nothing for so many more writes.
type fullFS struct {
	FS
	full *int
}

func (f fullFS) Open(path string, create bool) (File, error) {
	file, err := f.FS.Open(path, create)
	return fullFile{file, f.full}, err
}

type fullFile struct {
	File
	full *int
}

func (f fullFile) refused() error {
	if *f.full == 0 {
		return nil
	}
	*f.full--
	return fmt.Errorf("write: %w", unix.ENOSPC)
}

func (f fullFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.refused(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f fullFile) WritevAt(bufs [][]byte, off int64) error {
	if err := f.refused(); err != nil {
		return err
	}
	return f.File.WritevAt(bufs, off)
}

func TestAWriteToAFullDiskIsDoneWithWhatTheReserveLends(t *testing.T) {
	full, lent := 0, int64(0)
	var broke error
	fs := Lending(fullFS{OS(), &full}, func(bytes int64) error {
		lent += bytes
		return broke
	})
	f, err := fs.Open(filepath.Join(t.TempDir(), "log"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, refusals := range []int{0, 1, lends} {
		full, lent = refusals, 0
		if n, err := f.WriteAt([]byte("abc"), 0); n != 3 || err != nil || lent != int64(3*refusals) {
			t.Errorf("after %d refusals: %d, %v, lent %d", refusals, n, err, lent)
		}
		full, lent = refusals, 0
		if err := f.WritevAt([][]byte{[]byte("de"), []byte("fgh")}, 3); err != nil {
			t.Errorf("after %d refusals: %v", refusals, err)
		}
	}
	text := make([]byte, 8)
	if _, err := f.ReadAt(text, 0); err != nil || string(text) != "abcdefgh" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if full = lends + 1; !errors.Is(f.WritevAt([][]byte{[]byte("x")}, 8), unix.ENOSPC) || full != 0 {
		t.Errorf("a disk that stays full is asked %d times less", full)
	}
	broke, full = errors.New("nothing is left"), 2
	if _, err := f.WriteAt([]byte("x"), 8); !errors.Is(err, unix.ENOSPC) || full != 1 {
		t.Errorf("with nothing to lend: %v, %d", err, full)
	}
}
