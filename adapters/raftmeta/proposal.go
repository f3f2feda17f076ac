package raftmeta

import (
	"fmt"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// proposalID identifies a proposal, however often it is proposed.
type proposalID struct {
	Node     int32  `cbor:"1,keyasint"`
	Boot     uint64 `cbor:"2,keyasint"` // the node's run, which rises with every start
	Sequence uint64 `cbor:"3,keyasint"` // within the run
	Low      uint64 `cbor:"4,keyasint"` // nobody waits for the run's earlier proposals any more
}

const proposalVersion = 1

// proposal is an entry of the group's log: a command, or a voter's claim.
type proposal struct {
	Version uint64     `cbor:"1,keyasint"`
	ID      proposalID `cbor:"2,keyasint"`
	Command []byte     `cbor:"3,keyasint,omitempty"` // as metadata.EncodeCommand has it
	Voter   *voter     `cbor:"4,keyasint,omitempty"`
}

// voter is a node and the random incarnation of its raft directory.
type voter struct {
	Node        int32    `cbor:"1,keyasint"`
	Incarnation [16]byte `cbor:"2,keyasint"`
}

func (p proposal) encode() ([]byte, error) {
	p.Version = proposalVersion
	return encoding.Marshal(p)
}

// decodeProposal reads an entry. What a newer version wrote is fault.UnsupportedVersion.
func decodeProposal(in []byte) (proposal, error) {
	var p proposal
	if err := decoding.Unmarshal(in, &p); err != nil {
		return proposal{}, fmt.Errorf("%w: raft entry: %w", metadata.ErrCorrupt, err)
	}
	if p.Version != proposalVersion {
		return proposal{}, fault.New(fault.UnsupportedVersion,
			"raft entry in version %d, known is %d: a newer version wrote it",
			p.Version, proposalVersion)
	}
	return p, nil
}
