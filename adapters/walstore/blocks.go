package walstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/chronik-stream/chronik/adapters/internal/allocate"
)

const (
	// tableLogSize is how large Badger makes the log of its table in memory.
	tableLogSize = 2 * memTableSize
	// valuesAhead is what the value log has set aside beyond what a commit needs.
	valuesAhead = 1 << 20
)

// blocks has Badger find the space of what it writes at a commit: it writes into sparse files by way of memory maps,
// and where a page of them finds no block of the disk any more, the process ends by SIGBUS. These files are the log of
// the table in memory (.mem), the next such log, and the value log (.vlog). Badger takes an empty file for the next log
// as if it had made it, which keeps the blocks that the file has beyond its size.
type blocks struct {
	dir    string
	table  uint64           // number of the newest log of a table in memory
	values uint64           // number of the newest file of the value log
	ends   map[string]int64 // by file, up to where it has blocks

	written, last int64 // bytes in the newest file of the value log at most, and of the last commit's
}

// extent is a part of a file.
type extent struct {
	path   string
	off, n int64
}

// openBlocks returns the blocks of the database in dir, which is open. None are set aside yet.
func openBlocks(dir string) (*blocks, error) {
	b := &blocks{dir: dir, ends: make(map[string]int64)}
	var err error
	if b.table, err = b.newest(".mem"); err != nil {
		return nil, err
	}
	b.values, err = b.newest(".vlog")
	return b, err
}

// newest returns the greatest number of a file with the suffix.
func (b *blocks) newest(suffix string) (uint64, error) {
	paths, err := filepath.Glob(filepath.Join(b.dir, "*"+suffix))
	if err != nil {
		return 0, err
	}
	newest := uint64(0)
	for _, path := range paths {
		number, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(path), suffix), 10, 32)
		if err != nil {
			return 0, err
		}
		newest = max(newest, number)
	}
	return newest, nil
}

// newTable reports whether Badger has begun another table in memory since it was asked last.
func (b *blocks) newTable() (begun bool, err error) {
	for {
		info, err := os.Stat(b.tableLog(b.table + 1))
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			return begun, nil
		}
		if err != nil {
			return begun, err
		}
		delete(b.ends, b.tableLog(b.table))
		b.table, begun = b.table+1, true
	}
}

// findValues finds the newest file of the value log.
func (b *blocks) findValues() error {
	for {
		_, err := os.Stat(b.valueLog(b.values + 1))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		delete(b.ends, b.valueLog(b.values))
		b.values++
		b.written = b.last // the commit that began it may have gone on in it
	}
}

// noteValues counts what was written to the value log.
func (b *blocks) noteValues(n int64) {
	b.written += n
	b.last = n
}

// lacking returns what has no blocks of what a commit writes, which has n bytes for the value log, and may begin
// another table.
func (b *blocks) lacking(n int64, begins bool) ([]extent, error) {
	var lacking []extent
	table, next := b.tableLog(b.table), b.tableLog(b.table+1)
	if b.ends[table] == 0 {
		lacking = append(lacking, extent{table, 0, tableLogSize})
	}
	if begins && b.ends[next] == 0 {
		lacking = append(lacking, extent{next, 0, tableLogSize})
	}
	if err := b.findValues(); err != nil {
		return nil, err
	}
	values := b.valueLog(b.values)
	if end := b.ends[values]; end < b.written+n {
		lacking = append(lacking, extent{values, end, b.written + n + valuesAhead - end})
	}
	return lacking, nil
}

// take sets the blocks of what lacks them aside.
func (b *blocks) take(lacking []extent) error {
	for _, e := range lacking {
		if err := b.takeOne(e); err != nil {
			return err
		}
		b.ends[e.path] = e.off + e.n
	}
	return nil
}

func (b *blocks) takeOne(e extent) error {
	flag := os.O_RDWR
	if e.path == b.tableLog(b.table+1) {
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(e.path, flag, 0o666)
	if err != nil {
		return err
	}
	err = errors.Join(allocate.Ahead(f, e.off, e.n), f.Close())
	if err == nil && flag&os.O_CREATE != 0 {
		err = syncDir(e.path)
	}
	return err
}

func (b *blocks) tableLog(number uint64) string {
	return filepath.Join(b.dir, fmt.Sprintf("%05d.mem", number))
}

func (b *blocks) valueLog(number uint64) string {
	return filepath.Join(b.dir, fmt.Sprintf("%06d.vlog", number))
}

// removeEmpty removes the empty files that a process has left in dir which was killed before Badger, or just when it,
// was to write to them. Badger refuses a database that has one.
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
