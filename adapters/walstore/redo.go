package walstore

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// A command about a broker may change every topic, which is more than Badger takes in one transaction. Such changes are
// first written under redo keys, in one transaction: that makes them atomic. Then they are applied, as many at once as
// Badger takes, and the redo is removed. A redo that a crash has left is applied at the next start.
const (
	redoPrefix = "\x00redo" // and the part's number
	redoPart   = 512 << 10  // bytes of a part, which go to the value log
)

// change is a key's new value; a nil value removes the key.
type change struct{ key, value []byte }

// changesOf returns the entities as they are in img, and the note unless it is nil.
func changesOf(img *metadata.Image, entities []metadata.Entity, note []byte) ([]change, error) {
	changes := make([]change, 0, len(entities)+1)
	if note != nil {
		changes = append(changes, change{[]byte(noteKey), note})
	}
	for _, e := range entities {
		value, _, err := img.EncodeEntity(e) // nil when it was deleted
		if err != nil {
			return nil, err
		}
		changes = append(changes, change{[]byte(e), value})
	}
	return changes, nil
}

// writer is a transaction or a batch of them.
type writer interface {
	Set(key, value []byte) error
	Delete(key []byte) error
}

func (c change) write(to writer) error {
	if c.value == nil {
		return to.Delete(c.key)
	}
	return to.Set(c.key, c.value)
}

// commitAtOnce makes the changes in one transaction. When they are too many, it returns badger.ErrTxnTooBig and changes
// nothing.
func commitAtOnce(db *badger.DB, changes []change) error {
	txn := db.NewTransaction(true)
	defer txn.Discard()
	for _, c := range changes {
		if err := c.write(txn); err != nil {
			return err
		}
	}
	return txn.Commit()
}

// redoTimes is how often changes are written by a redo, at most, their tables included.
const redoTimes = 3

// commitByRedo makes changes of any size. It is metalog.ErrNotTried when there is no room for them and the use. After
// another error it is not known what was written; the next start knows.
func (db *database) commitByRedo(use space.Use, changes []change, s sizes) error {
	if err := room(db.blocks.set, use, redoTimes*s.total()); err != nil {
		return err
	}
	if err := db.writeRedo(use, changes); err != nil {
		return err
	}
	if err := db.carryOut(changes); err != nil {
		return fmt.Errorf("carry out a change that is decided: %v", err) //nolint:errorlint // it was tried
	}
	return nil
}

// writeRedo stores the changes as a redo. When it returns nil, they will be made even after a crash.
func (db *database) writeRedo(use space.Use, changes []change) error {
	var parts []change
	for redo := encodeRedo(changes); len(redo) > 0; {
		part := redo[:min(redoPart, len(redo))]
		redo = redo[len(part):]
		parts = append(parts, change{binary.BigEndian.AppendUint32([]byte(redoPrefix), uint32(len(parts))), part})
	}
	if err := db.commit(use, parts, sizesOf(parts)); err != nil {
		return err
	}
	return db.Sync()
}

// encodeRedo returns each change's key and value behind their lengths; that of a value has 1 added, so that 0 removes.
func encodeRedo(changes []change) []byte {
	var redo []byte
	for _, c := range changes {
		redo = binary.BigEndian.AppendUint32(redo, uint32(len(c.key)))
		redo = append(redo, c.key...)
		kept := 0
		if c.value != nil {
			kept = len(c.value) + 1
		}
		redo = binary.BigEndian.AppendUint32(redo, uint32(kept))
		redo = append(redo, c.value...)
	}
	return redo
}

// carryOut applies the changes of the redo, and removes it.
func (db *database) carryOut(changes []change) error {
	if err := db.commitInParts(space.Agreed, changes); err != nil {
		return err
	}
	keys, _, err := readRedo(db.DB)
	if err != nil {
		return err
	}
	gone := make([]change, len(keys))
	for n, key := range keys {
		gone[n].key = key
	}
	return db.commit(space.Agreed, gone, sizesOf(gone))
}

// replayRedo carries out a redo that a crash has left.
func (db *database) replayRedo() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	keys, redo, err := readRedo(db.DB)
	if err != nil || len(keys) == 0 {
		return err
	}
	changes, err := parseRedo(redo)
	if err != nil {
		return err
	}
	return db.carryOut(changes)
}

// readRedo returns the redo and its keys.
func readRedo(db *badger.DB) (keys [][]byte, redo []byte, err error) {
	err = db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{
			PrefetchValues: true, PrefetchSize: 100, Prefix: []byte(redoPrefix),
		})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			keys = append(keys, it.Item().KeyCopy(nil))
			add := func(part []byte) error {
				redo = append(redo, part...)
				return nil
			}
			if err := it.Item().Value(add); err != nil {
				return err
			}
		}
		return nil
	})
	return keys, redo, err
}

func parseRedo(redo []byte) ([]change, error) {
	var changes []change
	for len(redo) > 0 {
		key, rest, ok := field(redo, 0)
		value, rest, ok2 := field(rest, 1)
		if !ok || !ok2 || len(key) == 0 {
			return nil, fmt.Errorf("%w: the redo ends in the middle of a change", metadata.ErrCorrupt)
		}
		changes = append(changes, change{key, value})
		redo = rest
	}
	return changes, nil
}

// field reads a length, to which added was added when it was written, and that many bytes; nil when the length is below
// added.
func field(in []byte, added uint32) (value, rest []byte, ok bool) {
	if len(in) < 4 {
		return nil, nil, false
	}
	size, in := binary.BigEndian.Uint32(in), in[4:]
	if size < added {
		return nil, in, true
	}
	if size -= added; uint64(size) > uint64(len(in)) {
		return nil, nil, false
	}
	return bytes.Clone(in[:size:size]), in[size:], true
}
