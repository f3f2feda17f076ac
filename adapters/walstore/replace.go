package walstore

import (
	"errors"
	"io/fs"
	"os"
)

// A database that is being replaced and the one that takes its place have these suffixes to their names. Whole is
// what has the plain name; without it, the old one is.
const (
	incomingSuffix = ".incoming"
	outgoingSuffix = ".outgoing"
)

// exchange puts the incoming database, which is complete and synced, in the place of the closed old one.
func exchange(database string) error {
	if err := os.Rename(database, database+outgoingSuffix); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(database+incomingSuffix, database), syncDir(database)); err != nil {
		return err
	}
	return os.RemoveAll(database + outgoingSuffix)
}

// settleReplacement ends a replacement that a crash has interrupted: between the two renames, the old database gets
// its name back. Who wanted the new one has to ask for it again.
func settleReplacement(database string) error {
	_, err := os.Lstat(database)
	if errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(database+outgoingSuffix, database)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // there is no database
		}
	}
	if err != nil {
		return err
	}
	return discardReplacement(database)
}

// discardReplacement removes what an earlier replacement has left behind.
func discardReplacement(database string) error {
	return errors.Join(os.RemoveAll(database+incomingSuffix), os.RemoveAll(database+outgoingSuffix))
}
