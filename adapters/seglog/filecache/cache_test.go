package filecache

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
)

// countedFS counts open files, and fails to close one of them.
type countedFS struct {
	*disktest.FS
	open    map[string]int
	closing map[string]error
	limit   int // of open files, 0 for none
}

func (c *countedFS) Open(path string, create bool) (disk.File, error) {
	n := 0
	for _, m := range c.open {
		n += m
	}
	if c.limit > 0 && n >= c.limit {
		return nil, syscall.EMFILE
	}
	f, err := c.FS.Open(path, create)
	if err == nil {
		c.open[path]++
		f = countedFile{f, c, path}
	}
	return f, err
}

type countedFile struct {
	disk.File
	of   *countedFS
	path string
}

func (f countedFile) Close() error {
	f.of.open[f.path]--
	return errors.Join(f.File.Close(), f.of.closing[f.path])
}

// records names the files whose writes must not be lost.
func records(path string) bool { return strings.HasSuffix(path, ".log") }

// use opens a file and writes to it, if it is to be written.
func use(t *testing.T, c *Cache, path string, write bool) {
	t.Helper()
	f, err := c.Acquire(path, true)
	if err != nil {
		t.Fatal(err)
	}
	if write {
		if _, err := f.WriteAt([]byte{1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestASegmentStaysOpenUntilItIsSynced(t *testing.T) {
	fs := &countedFS{FS: disktest.New(), open: make(map[string]int)}
	c := New(fs, 2, records)
	use(t, c, "/written.log", true)
	for i := range 10 {
		use(t, c, fmt.Sprintf("/read-%d.log", i), false)
		use(t, c, fmt.Sprintf("/%d.index", i), true)
	}
	if fs.open["/written.log"] != 1 || fs.open["/read-0.log"] != 0 || fs.open["/0.index"] != 0 {
		t.Errorf("open are %v", fs.open)
	}
	f, err := c.Acquire("/written.log", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	use(t, c, "/read-0.log", false)
	use(t, c, "/read-1.log", false)
	if fs.open["/written.log"] != 0 {
		t.Errorf("open are %v", fs.open)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestAFailedCloseOfAnIdleFileIsReportedToItsNextSync lets readers go on.
func TestAFailedCloseOfAnIdleFileIsReportedToItsNextSync(t *testing.T) {
	fs := &countedFS{FS: disktest.New(), open: make(map[string]int), closing: map[string]error{"/a.log": syscall.EIO}}
	c := New(fs, 1, records)
	use(t, c, "/a.log", false)
	use(t, c, "/b.log", false)
	use(t, c, "/c.log", false)
	use(t, c, "/a.log", false)
	for range 2 {
		f, err := c.Acquire("/a.log", false)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Sync() = %v", err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	use(t, c, "/b.log", false)
}

func TestFilesAreClosedWhereTooManyAreOpen(t *testing.T) {
	fs := &countedFS{FS: disktest.New(), open: make(map[string]int), limit: 8}
	c := New(fs, 1000, records)
	for i := range 100 {
		use(t, c, fmt.Sprintf("/%d.log", i), i%3 > 0)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// forgettingFS has another file forgotten just when one has been opened.
type forgettingFS struct {
	*countedFS
	cache *Cache
	times int
}

func (g *forgettingFS) Open(path string, create bool) (disk.File, error) {
	f, err := g.countedFS.Open(path, create)
	if g.times > 0 {
		g.times--
		g.cache.Forget("/other.log")
	}
	return f, err
}

func TestAWrittenSegmentStaysOpenThoughOthersAreForgottenAsItIsOpened(t *testing.T) {
	fs := &forgettingFS{countedFS: &countedFS{FS: disktest.New(), open: make(map[string]int)}, times: 2}
	c := New(fs, 2, records)
	fs.cache = c
	use(t, c, "/written.log", true)
	if fs.open["/written.log"] != 1 {
		t.Errorf("open are %v", fs.open)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if fs.open["/written.log"] != 0 {
		t.Errorf("left open are %v", fs.open)
	}
}
