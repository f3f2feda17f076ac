package walstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"golang.org/x/sys/unix"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

var compressions = map[string]options.CompressionType{
	"none": options.None, "snappy": options.Snappy, "zstd": options.ZSTD,
}

const (
	// memTableSize is small as metadata is; a transaction takes at most 15 % of it, which is
	// more than metalog puts into one.
	memTableSize = 4 << 20
	// valueThreshold is the size from which an entity goes to the value log.
	valueThreshold = 1 << 10
	tableBlockSize = 4 << 10
	// compressedCache is the block cache that Badger wants as soon as it compresses.
	compressedCache = 1 << 20
)

// database is Badger with the blocks of what it writes.
type database struct {
	*badger.DB

	blocks *blocks
}

// openDatabase opens Badger in dir, and turns a panic of it into an error.
func openDatabase(dir string, set Settings, log *slog.Logger) (db *database, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := verifyTables(dir); err != nil {
		return nil, err
	}
	if err := removeEmpty(dir); err != nil {
		return nil, err
	}
	opts := badger.DefaultOptions(dir).
		WithSyncWrites(set.Fsync.Enabled).
		WithCompression(compressions[set.Compression]).
		WithValueLogFileSize(set.SegmentSize).
		WithValueThreshold(valueThreshold).
		WithMemTableSize(memTableSize).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithNumCompactors(2).
		WithNumGoroutines(1).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithMetricsEnabled(false).
		WithDetectConflicts(false).                        // there is one writer
		WithChecksumVerificationMode(options.OnBlockRead). // verifyTables has read them all
		WithBlockSize(tableBlockSize).
		WithVerifyValueChecksum(true).
		WithLogger(logger{log})
	if set.Compression != "none" {
		opts = opts.WithBlockCacheSize(compressedCache)
	}
	opened, err := badger.Open(opts)
	if err != nil {
		return nil, err
	}
	b, err := openBlocks(dir, set)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return &database{opened, b}, nil
}

// Close closes the database. Errors are those of Badger, and of removing what was prepared for it.
func (db *database) Close() error {
	return errors.Join(db.DB.Close(), removeEmpty(db.blocks.dir))
}

// checkUnused refuses a database that a store has open: Badger locks the directory.
func checkUnused(database string) error {
	dir, err := os.Open(database)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use: %w", database, err)
	}
	return nil
}

// noteKey is the key of the note that a replica keeps beside the entities. No entity begins with a zero.
const noteKey = "\x00note"

// load returns the image that db holds, the empty one for an empty db, and the note, nil when there is none.
func load(db *badger.DB) (img *metadata.Image, note []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	loader, empty := metadata.NewLoader(), true
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 100})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			if string(item.Key()) == noteKey {
				if note, err = item.ValueCopy(nil); err != nil {
					return err
				}
				continue
			}
			empty = false
			add := func(value []byte) error { return loader.Add(metadata.Entity(item.Key()), value) }
			if err := item.Value(add); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, nil, err
	case empty:
		return new(metadata.Image), note, nil
	default:
		img, err = loader.Image()
		return img, note, err
	}
}

// write makes the changes, which have these sizes, all of them or nothing. It is metalog.ErrNotTried when there is no
// room for them and the use.
func (db *database) write(use space.Use, changes []change, s sizes) error {
	err := db.commit(use, changes, s)
	if errors.Is(err, badger.ErrTxnTooBig) {
		err = db.commitByRedo(use, changes, s)
	}
	return err
}

// commit makes the changes in one transaction. It is metalog.ErrNotTried when there is no room for them and the use,
// and badger.ErrTxnTooBig when they are too many; then nothing has happened.
func (db *database) commit(use space.Use, changes []change, s sizes) error {
	if s.table >= memTableSize/4 { // Badger says so from 15 % on
		return badger.ErrTxnTooBig
	}
	if err := db.blocks.makeRoom(use, s); err != nil {
		return err
	}
	err := commitAtOnce(db.DB, changes)
	if err == nil {
		db.blocks.wrote(s)
	}
	return err
}

// partSize is how many bytes are written at once where all need not be.
const partSize = 256 << 10

// commitInParts makes the changes in as many transactions as they take. A crash leaves some of them.
func (db *database) commitInParts(use space.Use, changes []change) error {
	begin, s := 0, sizesOf(nil)
	for n, c := range changes {
		if s.add(c); s.total() >= partSize {
			if err := db.commit(use, changes[begin:n+1], s); err != nil {
				return err
			}
			begin, s = n+1, sizesOf(nil)
		}
	}
	return errors.Join(db.commit(use, changes[begin:], s), db.Sync())
}

// collectGarbage collects a file of the value log of which half or more is garbage. live is about the size of all that
// is not.
func (db *database) collectGarbage(live int64) error {
	const entriesShare = 8 // of a value log's bytes, what its entries take in the log of the table in memory, at most
	done, err := db.blocks.expect(sizes{table: live / entriesShare, values: live})
	if err != nil {
		return err
	}
	defer done()
	return db.RunValueLogGC(0.5)
}

// logger is Badger's logger. What Badger says of its inner life is for debugging; its errors are warnings,
// since those that matter come back from its methods.
type logger struct{ log *slog.Logger }

func (l logger) Errorf(format string, args ...any)   { l.say(slog.LevelWarn, format, args) }
func (l logger) Warningf(format string, args ...any) { l.say(slog.LevelDebug, format, args) }
func (l logger) Infof(format string, args ...any)    { l.say(slog.LevelDebug, format, args) }
func (l logger) Debugf(format string, args ...any)   { l.say(slog.LevelDebug, format, args) }

func (l logger) say(level slog.Level, format string, args []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, "badger", "text", fmt.Sprintf(format, args...))
	}
}
