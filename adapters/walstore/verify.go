package walstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

// verifyTables reads all tables that Badger's manifest names and verifies their checksums. Badger verifies them, too,
// but on a damaged one it panics in a goroutine of its own, ends the process, or continues without the table.
func verifyTables(dir string) error {
	file, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	manifest, _, err := badger.ReplayManifestFile(file, 0, badger.DefaultOptions(dir).WithLogger(nil))
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	for id, kept := range manifest.Tables {
		path := table.NewFilename(id, dir)
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := verifyTable(id, data, kept.Compression); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func verifyTable(id uint64, data []byte, compression options.CompressionType) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("its blocks cannot be read")
		}
	}()
	if !hasIndex(data) {
		return errors.New("its index cannot be found")
	}
	t, err := table.OpenInMemoryTable(data, id, &table.Options{
		Compression: compression, BlockSize: tableBlockSize, ChkMode: options.OnTableAndBlockRead,
	})
	if err != nil {
		return err
	}
	return t.VerifyChecksum()
}

// hasIndex checks the lengths at a table's end, which Badger trusts: index, its length, its checksum, and the
// checksum's length.
func hasIndex(data []byte) bool {
	for range 2 {
		if len(data) < 4 {
			return false
		}
		end := len(data) - 4
		size := binary.BigEndian.Uint32(data[end:])
		if int64(size) > int64(end) {
			return false
		}
		data = data[:end-int(size)]
	}
	return true
}
