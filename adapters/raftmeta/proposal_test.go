package raftmeta

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

func drawProposal(t *rapid.T) proposal {
	p := proposal{ID: proposalID{
		Node: rapid.Int32().Draw(t, "node"), Boot: rapid.Uint64().Draw(t, "boot"),
		Sequence: rapid.Uint64().Draw(t, "sequence"), Low: rapid.Uint64().Draw(t, "low"),
	}}
	if rapid.Bool().Draw(t, "is a command") {
		p.Command = rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "command")
	} else {
		p.Voter = &voter{
			Node:        rapid.Int32().Draw(t, "voter"),
			Incarnation: [16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "incarnation")),
		}
	}
	return p
}

func TestAProposalIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawProposal(t)
		data, err := p.encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeProposal(data)
		p.Version = proposalVersion
		if diff := cmp.Diff(p, got); err != nil || diff != "" {
			t.Errorf("%v (-written +read):\n%s", err, diff)
		}
	})
}

// TestADamagedEntryIsCorruptOrAnother changes, cuts and makes up entries: whatever is read from them would be written
// the same way.
func TestADamagedEntryIsCorruptOrAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data, err := drawProposal(t).encode()
		if err != nil {
			t.Fatal(err)
		}
		switch rapid.IntRange(0, 2).Draw(t, "damage") {
		case 0:
			data[rapid.IntRange(0, len(data)-1).Draw(t, "at")] ^= rapid.Byte().Draw(t, "by")
		case 1:
			data = data[:rapid.IntRange(0, len(data)-1).Draw(t, "length")]
		default:
			data = rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		}
		p, err := decodeProposal(data)
		if err != nil && !errors.Is(err, metadata.ErrCorrupt) && !errors.Is(err, fault.UnsupportedVersion) {
			t.Fatalf("error %v", err)
		}
		if err != nil {
			return
		}
		if again, err := p.encode(); err != nil || len(again) > len(data) {
			t.Fatalf("read from %x, written as %x (%v)", data, again, err)
		}
	})
}

func TestASnapshotThatIsCutShortIsCorrupt(t *testing.T) {
	note, err := (&note{Version: noteVersion, Index: 7, Windows: map[int32]window{1: {Boot: 3}}}).encode()
	if err != nil {
		t.Fatal(err)
	}
	img, _, err := metadata.Apply(new(metadata.Image), oneID)
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	if err := writeSnapshot(&whole, img, note); err != nil {
		t.Fatal(err)
	}
	for n := range whole.Len() {
		if _, _, err := readSnapshot(bytes.NewReader(whole.Bytes()[:n])); !errors.Is(err, metadata.ErrCorrupt) {
			t.Errorf("the first %d bytes are read: %v", n, err)
		}
	}
	if _, _, err := readSnapshot(bytes.NewReader([]byte{0xff, 0, 0, 0})); !errors.Is(err, metadata.ErrCorrupt) {
		t.Errorf("a note of 4 GB is read: %v", err)
	}
	got, gotNote, err := readSnapshot(&whole)
	if err != nil || got.Index() != 1 || !bytes.Equal(gotNote, note) {
		t.Errorf("the whole: index %d, note %x, %v", got.Index(), gotNote, err)
	}
}
