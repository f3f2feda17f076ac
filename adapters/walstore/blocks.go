package walstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/adapters/internal/allocate"
	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/space"
)

const (
	// window is how much a file has allocated beyond what the next commit writes to it.
	window = 1 << 20
	// triesForRoom is how often a commit tries to allocate its blocks while others take what the reserve gives back.
	triesForRoom = 3
)

// blocks allocates the disk blocks of what Badger writes at a commit, before it does. Badger writes into sparse files
// through memory maps: where the disk has no block left for a page of them, the process ends by SIGBUS. The files are
// the log of the table in memory (.mem), the log of the table after it, and the value log (.vlog). Badger takes an
// empty file for its next log as if it had created that, and the file keeps the blocks that it has beyond its end.
//
// What others do between an allocation and the write does not matter: an allocated block belongs to its file. Badger
// does not say where it writes, so blocks count what has been written at most.
type blocks struct {
	set Settings
	dir string

	mu         sync.Mutex // garbage collection runs beside the commits
	table      growing
	values     growing
	collecting bool // garbage collection writes, or has written since the last look
}

// growing is the newest file of a kind, to which Badger appends.
type growing struct {
	suffix string
	digits int // of the number in a file's name

	number   uint64
	written  int64 // bytes in the file
	last     int64 // bytes of the last commit, which may have gone on in a file that it began
	expected int64 // bytes that garbage collection may write at any time
	end      int64 // up to where the file has blocks
	next     int64 // up to where the file after it has blocks, 0 when there is none yet
}

// openBlocks returns the blocks of the database in dir, which is open. Nothing is allocated yet.
func openBlocks(dir string, set Settings) (*blocks, error) {
	b := &blocks{
		set: set, dir: dir,
		table: growing{suffix: ".mem", digits: 5}, values: growing{suffix: ".vlog", digits: 6},
	}
	return b, b.list()
}

// look finds the newest files. Between two looks a commit begins one file of a kind at most, but garbage collection may
// begin several and remove the first of them.
func (b *blocks) look() error {
	if !b.collecting && !b.begun(&b.table) && !b.begun(&b.values) {
		return nil
	}
	err := b.list()
	if err == nil {
		b.collecting = b.table.expected+b.values.expected > 0
	}
	return err
}

// begun reports whether Badger has begun the file after the newest, or may have.
func (b *blocks) begun(g *growing) bool {
	info, err := os.Stat(b.path(g, g.number+1))
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	return err != nil || info.Size() > 0
}

// list finds the newest files in the list of all.
func (b *blocks) list() error {
	dir, err := os.Open(b.dir)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	if err := errors.Join(err, dir.Close()); err != nil {
		return err
	}
	for _, g := range []*growing{&b.table, &b.values} {
		newest, err := b.newest(names, g)
		if err != nil {
			return err
		}
		g.begin(newest)
	}
	return nil
}

// newest returns the greatest number of a file that is not empty: an empty one is the next.
func (b *blocks) newest(names []string, g *growing) (newest uint64, err error) {
	for _, name := range names {
		digits, ok := strings.CutSuffix(name, g.suffix)
		if !ok {
			continue
		}
		number, err := strconv.ParseUint(digits, 10, 32)
		if err != nil || number <= newest {
			continue
		}
		info, err := os.Stat(filepath.Join(b.dir, name))
		switch {
		case errors.Is(err, os.ErrNotExist): // Badger has removed it meanwhile
		case err != nil:
			return 0, err
		case info.Size() > 0:
			newest = number
		}
	}
	return newest, nil
}

// begin notes that the file with a number is the newest.
func (g *growing) begin(number uint64) {
	if number == g.number {
		return
	}
	end := int64(0)
	if number == g.number+1 {
		end = g.next
	}
	g.number, g.written, g.end, g.next = number, g.last, end, 0
}

// path returns the path of a file.
func (b *blocks) path(g *growing, number uint64) string {
	return filepath.Join(b.dir, fmt.Sprintf("%0*d%s", g.digits, number, g.suffix))
}

// makeRoom allocates the blocks of a commit with these sizes. It is metalog.ErrNotTried when there is no room for them
// and the use. Where blocks cannot be allocated for another reason, Badger finds them by itself while there are some.
func (b *blocks) makeRoom(use space.Use, s sizes) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.look(); err != nil {
		return nil // such as EMFILE: see above
	}
	if err := b.allocate(use, 0, b.lacking(s)); err != nil {
		return err
	}
	if !b.mayFill(s) {
		return nil
	}
	// What a cluster has agreed on cannot be refused for the sake of tables that may be written because of it.
	err := b.allocate(use, tablesAhead, b.lackingNext(s))
	if use == space.Agreed {
		return nil
	}
	return err
}

// wrote counts what was written.
func (b *blocks) wrote(s sizes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.table.wrote(s.table)
	b.values.wrote(s.values)
}

func (g *growing) wrote(n int64) {
	g.written += n
	g.last = n
}

// expect allocates blocks for what garbage collection may write, beside the commits, until the returned function is
// called.
func (b *blocks) expect(s sizes) (done func(), err error) {
	if err := b.makeRoom(space.Internal, s); err != nil {
		return nil, err
	}
	b.setExpected(s, sizes{})
	return func() { b.setExpected(sizes{}, s) }, nil
}

func (b *blocks) setExpected(expected, written sizes) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.collecting = true
	b.table.expected, b.values.expected = expected.table, expected.values
	b.table.written += written.table
	b.values.written += written.values
}

// mayFill reports whether a commit may be the one that fills the table in memory.
func (b *blocks) mayFill(s sizes) bool {
	return b.table.written+b.table.expected+s.table >= memTableSize/2
}

// extent is a part of a file.
type extent struct {
	of     *growing
	next   bool // of the file after the newest
	off, n int64
}

// lacking returns what has no blocks yet of what a commit writes to the newest files.
func (b *blocks) lacking(s sizes) (all []extent) {
	for _, need := range []struct {
		of *growing
		n  int64
	}{{&b.table, s.table}, {&b.values, s.values}} {
		g := need.of
		if upTo := g.written + g.expected + need.n; g.end < upTo {
			all = append(all, extent{of: g, off: g.end, n: upTo + window - g.end})
		}
	}
	return all
}

// lackingNext returns what has no blocks yet of what a commit writes to the log of a table that it begins.
func (b *blocks) lackingNext(s sizes) []extent {
	g := &b.table
	if upTo := g.expected + s.table; g.next < upTo || g.next == 0 {
		return []extent{{of: g, next: true, off: g.next, n: upTo + window - g.next}}
	}
	return nil
}

// allocate allocates the extents, where there is room for them and for so much ahead.
func (b *blocks) allocate(use space.Use, ahead int64, lacking []extent) error {
	needed := ahead
	for _, e := range lacking {
		needed += e.n
	}
	for range triesForRoom {
		if err := room(b.set, use, needed); err != nil {
			return err
		}
		if !b.take(lacking) {
			return nil
		}
	}
	return fmt.Errorf("%w: others took the space that was made free", metalog.ErrNotTried)
}

// take allocates the extents, and reports whether the disk has no space for them.
func (b *blocks) take(lacking []extent) (full bool) {
	for _, e := range lacking {
		err := b.takeOne(e)
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			return true
		}
		if err != nil {
			continue // see makeRoom
		}
		if e.next {
			e.of.next = e.off + e.n
		} else {
			e.of.end = e.off + e.n
		}
	}
	return false
}

func (b *blocks) takeOne(e extent) error {
	path, flag := b.path(e.of, e.of.number), os.O_RDWR
	if e.next {
		path, flag = b.path(e.of, e.of.number+1), os.O_RDWR|os.O_CREATE
	}
	f, err := os.OpenFile(path, flag, 0o666)
	if err != nil {
		return err
	}
	err = errors.Join(allocate.Ahead(f, e.off, e.n), f.Close())
	if err == nil && e.next && e.off == 0 {
		err = syncDir(path)
	}
	return err
}

// removeEmpty removes empty logs from dir: those that were prepared for Badger, and those that a process has left which
// was killed while Badger made them. Badger refuses a database that has one.
func removeEmpty(dir string) error {
	var failed error
	for _, suffix := range []string{".mem", ".vlog"} {
		paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
		failed = errors.Join(failed, err)
		for _, path := range paths {
			info, err := os.Stat(path)
			if err == nil && info.Size() == 0 {
				err = os.Remove(path)
			}
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
