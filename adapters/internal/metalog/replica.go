package metalog

import (
	"sync"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// ReplicaJournal makes a Replica's images durable, and with each of them a note: bytes of the Replica's owner, such as
// how far a replicated log was applied.
type ReplicaJournal interface {
	// Ready returns an error when no more commands should be proposed, such as when the disk is nearly full. Commit
	// still works for those that were proposed before.
	Ready() error
	// Commit is as Journal.Commit; note replaces the one before in the same transaction.
	Commit(img *metadata.Image, changed []metadata.Entity, commands int, note []byte) error
	// Replace replaces everything by img and note. A crash leaves the old state or the new one.
	Replace(img *metadata.Image, note []byte) error
	// Sync returns when all that was committed survives a loss of power.
	Sync() error
	// Close is the last call; img was committed last.
	Close(img *metadata.Image) error
}

// Replica applies commands whose order was agreed on elsewhere. It decides them as a Log does, in the caller's
// goroutine: Begin, Commit, Replace and Sync are for one goroutine at a time. After an error of Commit or Replace it
// accepts nothing more, because the state on disk is unknown.
type Replica struct {
	feed
	journal ReplicaJournal
	note    []byte
	failure error
	close   func() error
}

// NewReplica returns a Replica that continues from img and note, which journal holds already.
func NewReplica(img *metadata.Image, note []byte, journal ReplicaJournal) *Replica {
	r := &Replica{feed: newFeed(img), journal: journal, note: note}
	r.close = sync.OnceValue(func() error {
		close(r.ended)
		return r.journal.Close(r.Image())
	})
	return r
}

// Note returns the note that was committed last, nil when there never was one. It must not be changed.
func (r *Replica) Note() []byte { return r.note }

// Begin returns an empty batch against the newest image.
func (r *Replica) Begin() *Batch { return newBatch(r.Image()) }

// Commit makes b's changes durable together with note, which it keeps, and publishes the image. A batch whose commands
// were all refused does not change the image.
func (r *Replica) Commit(b *Batch, note []byte) error {
	if r.failure != nil {
		return r.failure
	}
	if err := r.journal.Commit(b.img, b.entities(), b.commands, note); err != nil {
		return r.fail("commit metadata: %w", err)
	}
	r.note = note
	if b.commands > 0 {
		r.publish(b.img)
	}
	return nil
}

// Replace durably replaces everything by img and note, which it keeps.
func (r *Replica) Replace(img *metadata.Image, note []byte) error {
	if r.failure != nil {
		return r.failure
	}
	if err := r.journal.Replace(img, note); err != nil {
		return r.fail("replace metadata: %w", err)
	}
	r.note = note
	r.publish(img)
	return nil
}

// Ready returns fault.KafkaStorageError when no more commands should be proposed, because this node could soon not
// apply them. It may be called at any time.
func (r *Replica) Ready() error {
	if err := r.journal.Ready(); err != nil {
		return fault.New(fault.KafkaStorageError, "take metadata commands: %w", err)
	}
	return nil
}

// Sync returns when all that was committed survives a loss of power.
func (r *Replica) Sync() error {
	if r.failure != nil {
		return r.failure
	}
	if err := r.journal.Sync(); err != nil {
		return r.fail("sync metadata: %w", err)
	}
	return nil
}

// Close ends the watchers and the journal. A second Close does nothing.
func (r *Replica) Close() error { return r.close() }

func (r *Replica) fail(format string, err error) error {
	r.failure = fault.New(fault.KafkaStorageError, format, err)
	return r.failure
}
