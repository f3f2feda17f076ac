package freespace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestADirectoryHasSpaceByItsPathAndWhenItIsOpen(t *testing.T) {
	dir := t.TempDir()
	if free, err := At(dir); err != nil || free <= 0 {
		t.Errorf("At() = %d, %v", free, err)
	}
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if free, err := Of(f); err != nil || free <= 0 {
		t.Errorf("Of() = %d, %v", free, err)
	}
}

func TestAnErrorNamesThePath(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if _, err := At(gone); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), gone) {
		t.Errorf("At() = %v", err)
	}
}
