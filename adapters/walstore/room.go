package walstore

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"

	"github.com/chronik-stream/chronik/adapters/internal/freespace"
	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// reserve is the free space below which no command is accepted when the settings have no Space: Badger writes through
// memory maps, and a full disk would end the process.
const reserve = 32 << 20

// room returns metalog.ErrNotTried when there is no room for n bytes of a use and for what Badger writes besides.
func room(set Settings, use space.Use, n int64) error {
	if set.Space == nil {
		needed := int64(reserve)
		if use == space.Agreed {
			needed /= 2
		}
		return checkSpace(set.Dir, needed+n)
	}
	if err := set.Space.Room(use, n); err != nil {
		return fmt.Errorf("%w: %w", metalog.ErrNotTried, err)
	}
	return nil
}

// checkSpace returns metalog.ErrNotTried when the file system of dir has fewer free bytes than needed.
func checkSpace(dir string, needed int64) error {
	free, err := freespace.At(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", metalog.ErrNotTried, err)
	}
	if free < needed {
		return fmt.Errorf("%w: %s has %d bytes free, needed are %d", metalog.ErrNotTried, dir, free, needed)
	}
	return nil
}

// writable returns why Badger cannot write its tables, nil when it can.
func (j *journal) writable() error {
	if _, err := os.Stat(filepath.Join(j.set.Dir, databaseDir, badger.ManifestFilename)); err != nil {
		return err
	}
	return room(j.set, space.Agreed, tablesAhead)
}

const (
	// tablesAhead is what Badger writes when it opens or closes, or when its table in memory is full: that table, and
	// compactions.
	tablesAhead = 2 * memTableSize
	// entryOverhead is about what an entry takes in the memtable beside its key and value, and more than in a log.
	entryOverhead = 150
)

// sizes are how many bytes something writes at most.
type sizes struct {
	table, values int64
	content       int64 // the keys and values alone
}

// sizesOf returns how much the changes write at most, in one transaction.
func sizesOf(changes []change) sizes {
	s := sizes{table: entryOverhead} // the end of the transaction
	for _, c := range changes {
		s.add(c)
	}
	return s
}

func (s *sizes) add(c change) {
	key, value := int64(len(c.key)), int64(len(c.value))
	s.content += key + value
	s.table += key + entryOverhead
	if value < valueThreshold {
		s.table += value
	} else {
		s.values += key + value + entryOverhead
	}
}

func (s sizes) total() int64 { return s.table + s.values }

// TableBytes is how much the tables of the database under dir have on disk, 0 where there is none.
func TableBytes(dir string) (int64, error) {
	tables, err := filepath.Glob(filepath.Join(dir, databaseDir, "*.sst"))
	if err != nil {
		return 0, err
	}
	total := int64(0)
	for _, path := range tables {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// likelySize estimates the next snapshot's size: slightly more than the newest.
func (s snapshots) likelySize() int64 {
	const more = 1 << 20
	files, err := s.list()
	if err != nil || len(files) == 0 {
		return more
	}
	info, err := os.Stat(files[0].path)
	if err != nil {
		return more
	}
	return info.Size() + more
}
