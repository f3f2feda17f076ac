package walstore

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// guard is a small file beside Badger's directory that says how far the store had come. Badger takes a damaged spot in
// its log for the end, and an empty directory for a new store; Open detects both by comparing. The file is one line of
// fixed length, rewritten in place after every commit. It is not synced: after a loss of power the index may be lower
// than what is durable, never higher.
type guard struct{ file *os.File }

const guardFormat = "chronik-metadata-guard 1 index %020d crc %08x\n"

// readGuard returns the index that the guard says was reached. found is false when there is no guard; the
// index is 0 when there is one that cannot be read.
func readGuard(path string) (index uint64, found bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	var sum uint32
	if _, err := fmt.Sscanf(string(text), guardFormat, &index, &sum); err != nil || sum != guardSum(index) {
		return 0, true, nil //nolint:nilerr // a guard that cannot be read proves only that there was a store
	}
	return index, true, nil
}

// openGuard opens the guard, or creates it durably.
func openGuard(path string, index uint64) (*guard, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	g := &guard{file}
	if err := errors.Join(g.reached(index), g.sync(), syncDir(path)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return g, nil
}

// reached records that everything up to index is durable.
func (g *guard) reached(index uint64) error {
	_, err := g.file.WriteAt(fmt.Appendf(nil, guardFormat, index, guardSum(index)), 0)
	return err
}

func (g *guard) sync() error { return g.file.Sync() }

func (g *guard) close() error { return errors.Join(g.sync(), g.file.Close()) }

func guardSum(index uint64) uint32 {
	sum := crc32.NewIEEE()
	fmt.Fprintf(sum, "%020d", index)
	return sum.Sum32()
}
