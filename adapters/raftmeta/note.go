package raftmeta

import (
	"fmt"
	"maps"

	"github.com/fxamacker/cbor/v2"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

const noteVersion = 1

// note is stored beside the metadata and changes in the same transaction. It holds how far the group's log was applied,
// which proposals were applied, and which incarnation each voter has.
type note struct {
	Version uint64             `cbor:"1,keyasint"`
	Index   uint64             `cbor:"2,keyasint"` // of the last entry that was applied
	Windows map[int32]window   `cbor:"3,keyasint"` // by the proposals' node
	Voters  map[int32][16]byte `cbor:"4,keyasint"` // incarnations by node
}

// decodeNote reads a note; an empty one means that nothing was applied yet.
func decodeNote(in []byte) (note, error) {
	n := note{Version: noteVersion}
	if in != nil {
		if err := decoding.Unmarshal(in, &n); err != nil {
			return note{}, fmt.Errorf("%w: raft note: %w", metadata.ErrCorrupt, err)
		}
	}
	if n.Version != noteVersion {
		return note{}, fmt.Errorf("raft note in version %d, known is %d: a newer version wrote it", n.Version, noteVersion)
	}
	if n.Windows == nil {
		n.Windows = map[int32]window{}
	}
	if n.Voters == nil {
		n.Voters = map[int32][16]byte{}
	}
	return n, nil
}

func (n *note) encode() ([]byte, error) {
	out, err := encoding.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode raft note: %w", err)
	}
	return out, nil
}

// admit decides about a proposal, and remembers it.
func (n *note) admit(id proposalID) verdict {
	w := n.Windows[id.Node]
	v := w.admit(id)
	n.Windows[id.Node] = w
	return v
}

func (n *note) clone() note {
	c := *n
	c.Windows, c.Voters = maps.Clone(n.Windows), maps.Clone(n.Voters)
	return c
}

// Notes and proposals are encoded to the same bytes on all nodes, and unknown fields are refused.
var encoding = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err) // constant options
	}
	return mode
}()

var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		panic(err) // constant options
	}
	return mode
}()
