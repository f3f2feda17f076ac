package walstore

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// Replica is a cluster node's metadata in Badger: commands come in the order in which Raft has committed them.
type Replica struct{ *metalog.Replica }

// OpenReplica opens the metadata in set.Dir for a node of a cluster, or creates it where there never was any. It
// returns ErrDamaged as Open does.
func OpenReplica(set Settings, log *slog.Logger) (*Replica, error) {
	j, note, err := openJournal(set, log)
	if err != nil {
		return nil, advised(err, replaceAdvice)
	}
	return &Replica{metalog.NewReplica(j.last.Load(), note, replicaJournal{j})}, nil
}

// replicaJournal is the journal of a metalog.Replica.
type replicaJournal struct{ *journal }

// Ready implements metalog.ReplicaJournal.
func (j replicaJournal) Ready() error { return room(j.set, space.Metadata, 0) }

// Commit implements metalog.ReplicaJournal. A committed command cannot be refused: half of the reserve is for those.
func (j replicaJournal) Commit(img *metadata.Image, changed []metadata.Entity, commands int, note []byte) error {
	return j.commit(space.Agreed, img, changed, commands, note)
}

// makingTimes is how often the bytes of an image are on the disk, at most, while a database is made of it: in logs, and
// in the tables that are written from them.
const makingTimes = 2

// Replace implements metalog.ReplicaJournal. The new database is made beside the old one and takes its place by
// renaming; see recoverReplacement.
func (j replicaJournal) Replace(img *metadata.Image, note []byte) error {
	database := filepath.Join(j.set.Dir, databaseDir)
	all, err := changesOf(img, slices.Collect(img.Entities()), note)
	if err == nil { // the new database stands beside the old one for a while
		err = room(j.set, space.Agreed, makingTimes*sizesOf(all).content+tablesAhead)
	}
	if err != nil {
		return err
	}
	if err := discardReplacement(database); err != nil {
		return err
	}
	if err := makeDatabase(database+incomingSuffix, j.set, all, j.log); err != nil {
		return fmt.Errorf("make the new database: %w", err)
	}
	j.stopKeeper()
	if err := j.db.Close(); err != nil {
		return fmt.Errorf("close the old database: %w", err)
	}
	if err := exchange(database); err != nil {
		return err
	}
	db, err := openDatabase(database, j.set, j.log)
	if err != nil {
		return fmt.Errorf("open the new database: %w", err)
	}
	j.db = db
	j.last.Store(img)
	j.startKeeper(0) // there is no snapshot of img yet
	return errors.Join(j.guard.reached(img.Index()), j.guard.sync())
}

// Sync implements metalog.ReplicaJournal.
func (j replicaJournal) Sync() error {
	if failed := j.failed.Load(); failed != nil {
		return *failed
	}
	return errors.Join(j.db.Sync(), j.guard.reached(j.last.Load().Index()))
}
