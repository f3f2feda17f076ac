package diskspace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const mebibyte = 1 << 20

// open opens the disk of a new directory.
func open(t *testing.T) (d *Disk, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d, dir
}

func TestTheReserveHoldsAllocatedSpaceAndGivesItBack(t *testing.T) {
	d, dir := open(t)
	for _, n := range []int64{8 * mebibyte, 3 * mebibyte, 5 * mebibyte, 0, mebibyte} {
		held, err := d.Hold(n)
		if err != nil || held != n {
			t.Fatalf("Hold(%d) = %d, %v", n, held, err)
		}
		if got, err := d.Measure(); err != nil || got.Held != n || got.Free <= 0 {
			t.Errorf("with %d held: %+v, %v", n, got, err)
		}
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got, err := again.Measure(); err != nil || got.Held != mebibyte {
		t.Errorf("the next start finds %+v, %v", got, err)
	}
	if err := os.Remove(filepath.Join(dir, reserveFile)); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Measure(); err != nil || got.Held != 0 {
		t.Errorf("a reserve that was removed: %+v, %v", got, err)
	}
	if held, err := d.Hold(2 * mebibyte); err != nil || held != 2*mebibyte {
		t.Errorf("after it was made again: %d, %v", held, err)
	}
}

func TestAFileWithoutBlocksHoldsNothing(t *testing.T) {
	d, dir := open(t)
	if err := os.WriteFile(filepath.Join(dir, reserveFile), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, reserveFile), 8*mebibyte); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Measure(); err != nil || got.Held != 0 {
		t.Errorf("a reserve that is one hole: %+v, %v", got, err)
	}
	if held, err := d.Hold(8 * mebibyte); err != nil || held != 8*mebibyte {
		t.Errorf("Hold() = %d, %v", held, err)
	}
}

func TestWhatTheDiskDoesNotHaveIsNotHeldInPart(t *testing.T) {
	d, _ := open(t)
	if _, err := d.Hold(mebibyte); err != nil {
		t.Fatal(err)
	}
	before, err := d.Measure()
	if err != nil {
		t.Fatal(err)
	}
	if held, err := d.Hold(1 << 60); err == nil || held != mebibyte {
		t.Errorf("Hold(1 EiB) = %d, %v, free were %d", held, err, before.Free)
	}
}

func TestADirectoryThatIsGoneOrReplacedIsSaidToBe(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"deleted": os.RemoveAll,
		"renamed": func(dir string) error { return os.Rename(dir, dir+".old") },
		"replaced": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755))
		},
	} {
		d, dir := open(t)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Measure(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open() = %v", err)
	}
}
