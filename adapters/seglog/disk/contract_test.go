package disk_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
)

// onEach runs a test on every file system, in a directory that is there and empty.
func onEach(t *testing.T, test func(t *testing.T, d disk.FS, dir string)) {
	t.Helper()
	for name, d := range map[string]disk.FS{
		"the operating system's": disk.OS(), "memory": disk.Memory(), "the test's": disktest.New(),
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			if err := d.MkdirAll(dir); err != nil {
				t.Fatal(err)
			}
			test(t, d, dir)
		})
	}
}

func TestNamesComeAndGo(t *testing.T) {
	onEach(t, func(t *testing.T, d disk.FS, dir string) {
		a, b, log := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "a", "0.log")
		if _, err := d.Open(log, true); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file in a directory that is missing: %v", err)
		}
		must(t, d.MkdirAll(a), d.MkdirAll(a))
		if _, err := d.Open(log, false); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a missing file: %v", err)
		}
		write(t, d, log, "first")
		write(t, d, filepath.Join(dir, "c"), "second")
		must(t, d.SyncDir(a), d.SyncDir(dir))
		if _, err := d.Open(a, false); err == nil {
			t.Error("a directory was opened as a file")
		}
		if names, err := d.ReadDir(dir); err != nil || !slices.Equal(names, []string{"a", "c"}) {
			t.Errorf("names: %v, %v", names, err)
		}
		must(t, d.Rename(a, b), d.Rename(filepath.Join(b, "0.log"), filepath.Join(b, "1.log")))
		if got := read(t, d, filepath.Join(b, "1.log")); got != "first" {
			t.Errorf("a renamed file holds %q", got)
		}
		write(t, d, log0(b), "newer")
		must(t, d.Rename(log0(b), filepath.Join(b, "1.log")))
		if got := read(t, d, filepath.Join(b, "1.log")); got != "newer" {
			t.Errorf("a file that another was renamed over holds %q", got)
		}
		if err := d.Rename(a, filepath.Join(dir, "d")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("renaming what is missing: %v", err)
		}
		must(t, d.Remove(b), d.Remove(b), d.Remove(filepath.Join(b, "1.log")))
		for path, want := range map[string]bool{
			dir: true, a: false, b: false, filepath.Join(b, "1.log"): false, filepath.Join(dir, "c"): true,
		} {
			if exists, err := d.Exists(path); exists != want || err != nil {
				t.Errorf("%s exists: %t, %v", path, exists, err)
			}
		}
		if _, err := d.ReadDir(b); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("reading a missing directory: %v", err)
		}
		if err := d.SyncDir(b); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("syncing a missing directory: %v", err)
		}
	})
}

func log0(dir string) string { return filepath.Join(dir, "0.log") }

func TestAnOpenFileOutlivesItsName(t *testing.T) {
	onEach(t, func(t *testing.T, d disk.FS, dir string) {
		path := filepath.Join(dir, "0.log")
		write(t, d, path, "before")
		f, err := d.Open(path, false)
		must(t, err, d.Remove(path))
		text := make([]byte, 6)
		if _, err := f.ReadAt(text, 0); err != nil || string(text) != "before" {
			t.Errorf("a removed file that is open reads %q, %v", text, err)
		}
		write(t, d, path, "after")
		if _, err := f.ReadAt(text, 0); err != nil || string(text) != "before" {
			t.Errorf("with another of its name it reads %q, %v", text, err)
		}
		must(t, f.Close())
		if _, err := f.ReadAt(text, 0); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("reading a closed file: %v", err)
		}
		if err := f.WritevAt([][]byte{text}, 0); err == nil {
			t.Error("a closed file was written to")
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("closing a closed file: %v", err)
		}
	})
}

func TestBytesStandWhereTheyWereWritten(t *testing.T) {
	onEach(t, func(t *testing.T, d disk.FS, dir string) {
		f, err := d.Open(filepath.Join(dir, "0.log"), true)
		must(t, err)
		defer f.Close()
		began, err := f.ModTime()
		must(t, err)
		must(t, f.WritevAt([][]byte{[]byte("ab"), nil, []byte("cd")}, 2), f.Sync())
		f.StartSync(0, 6)
		must(t, f.Allocate(1<<20))
		holds(t, f, "\x00\x00abcd")
		must(t, f.Truncate(4))
		holds(t, f, "\x00\x00ab")
		must(t, f.Truncate(6))
		holds(t, f, "\x00\x00ab\x00\x00")
		if n, err := f.ReadAt(make([]byte, 4), 4); n != 2 || !errors.Is(err, io.EOF) {
			t.Errorf("reading across the end: %d, %v", n, err)
		}
		if n, err := f.ReadAt(make([]byte, 4), 6); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("reading at the end: %d, %v", n, err)
		}
		if changed, err := f.ModTime(); err != nil || changed.Before(began) {
			t.Errorf("changed at %v, which is before %v: %v", changed, began, err)
		}
	})
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, d disk.FS, path, text string) {
	t.Helper()
	f, err := d.Open(path, true)
	must(t, err)
	_, err = f.WriteAt([]byte(text), 0)
	must(t, err, f.Close())
}

func read(t *testing.T, d disk.FS, path string) string {
	t.Helper()
	f, err := d.Open(path, false)
	must(t, err)
	defer f.Close()
	return string(contents(t, f))
}

func holds(t *testing.T, f disk.File, want string) {
	t.Helper()
	if got := string(contents(t, f)); got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

// contents returns all bytes of a file.
func contents(t *testing.T, f disk.File) []byte {
	t.Helper()
	size, err := f.Size()
	must(t, err)
	all := make([]byte, size)
	if n, err := f.ReadAt(all, 0); int64(n) != size || err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("read %d of %d bytes: %v", n, size, err)
	}
	return all
}
