package walstore

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// snapshotOf returns img as bytes that equal images share.
func snapshotOf(t *testing.T, img *metadata.Image) string {
	t.Helper()
	var out strings.Builder
	if err := metadata.EncodeImage(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestACommandThatChangesEveryTopicIsStoredAsAWhole(t *testing.T) {
	const topics = 20_000 // more than a transaction takes
	set := DefaultSettings(t.TempDir())
	s := largeStore(t, set, topics, 1)
	began := time.Now()
	if _, err := s.Apply(t.Context(), metadata.FenceBroker{ID: 1, Epoch: 1}); err != nil {
		t.Fatal(err)
	}
	t.Logf("to store %d changed topics took %v", topics, time.Since(began))
	if _, err := s.Apply(t.Context(), metadata.AllocateProducerIDs{Count: 1}); err != nil {
		t.Fatalf("the command after it: %v", err)
	}
	want := snapshotOf(t, s.Image())
	closeStore(t, s)
	s = open(t, set)
	defer closeStore(t, s)
	if snapshotOf(t, s.Image()) != want {
		t.Error("another image is read back")
	}
}

// TestARedoIsCarriedOutAtTheNextStart has a crash at each point of a large commit after its first transaction.
func TestARedoIsCarriedOutAtTheNextStart(t *testing.T) {
	const topics = 8_000
	for _, done := range []int{0, topics / 2, topics} {
		set := DefaultSettings(t.TempDir())
		s := largeStore(t, set, topics, 1)
		before := s.Image()
		closeStore(t, s)
		fence := metadata.FenceBroker{ID: 1, Epoch: 1}
		after, _, err := metadata.Apply(before, fence)
		if err != nil {
			t.Fatal(err)
		}
		db, err := openDatabase(filepath.Join(set.Dir, databaseDir), set, discard())
		if err != nil {
			t.Fatal(err)
		}
		changes, err := changesOf(after, metadata.Touched(after, fence), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := commitAtOnce(db.DB, changes); !errors.Is(err, badger.ErrTxnTooBig) {
			t.Fatalf("%d changes at once: %v", len(changes), err)
		}
		if err := db.writeRedo(space.Metadata, changes); err != nil {
			t.Fatal(err)
		}
		for rest := changes[:min(done, len(changes))]; len(rest) > 0; {
			n := min(1000, len(rest))
			if err := commitAtOnce(db.DB, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s = open(t, set)
			if snapshotOf(t, s.Image()) != snapshotOf(t, after) {
				t.Errorf("with %d changes made, another image is read back", done)
			}
			closeStore(t, s)
		}
	}
}

// FuzzParseRedo: a redo is read as it was written; anything else is corrupt.
func FuzzParseRedo(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1, 'a', 0, 0, 0, 0})
	f.Add([]byte{0, 0, 0, 1, 'a', 0, 0, 0, 2, 'v'})
	f.Fuzz(func(t *testing.T, in []byte) {
		changes, err := parseRedo(in)
		if err != nil {
			if !errors.Is(err, metadata.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if out := encodeRedo(changes); !bytes.Equal(out, in) {
			t.Fatalf("%x is written as %x", in, out)
		}
	})
}
