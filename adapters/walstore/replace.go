package walstore

import (
	"errors"
	"io/fs"
	"os"
)

// Suffixes of the names of a database that is being replaced and of its replacement. The database with the plain name
// is complete; when there is none, the old one is.
const (
	incomingSuffix = ".incoming"
	outgoingSuffix = ".outgoing"
)

// exchange replaces the old database, which is closed, by the incoming one, which is complete and synced.
func exchange(database string) error {
	if err := os.Rename(database, database+outgoingSuffix); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(database+incomingSuffix, database), syncDir(database)); err != nil {
		return err
	}
	return os.RemoveAll(database + outgoingSuffix)
}

// recoverReplacement undoes a replacement that a crash has interrupted between the two renames: the old database gets
// its name back. The caller has to ask for the replacement again.
func recoverReplacement(database string) error {
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

// discardReplacement removes the files of an earlier replacement.
func discardReplacement(database string) error {
	return errors.Join(os.RemoveAll(database+incomingSuffix), os.RemoveAll(database+outgoingSuffix))
}
