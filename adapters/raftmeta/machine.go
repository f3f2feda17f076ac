package raftmeta

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"sync"

	"github.com/chronik-stream/chronik/adapters/internal/metalog"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/quorum"
)

// Inner is the store on this node's disk to which the agreed commands are applied. Image and Ready
// may be called at any time.
type Inner interface {
	// Ready returns a fault when this node should propose no more: soon it could not apply it.
	Ready() error
	Begin() *metalog.Batch
	// Commit makes a batch durable together with a note, which it takes over.
	Commit(b *metalog.Batch, note []byte) error
	// Replace puts an image and a note, which it takes over, in the place of all there is.
	Replace(img *metadata.Image, note []byte) error
	Sync() error
	Note() []byte
	Image() *metadata.Image
}

// Machine applies the group's log to the inner store. The group's runner calls Update, Sync, Snapshot and Restore, one
// at a time. Their errors mean that this node cannot continue: its metadata would differ from the others'.
type Machine struct {
	inner   Inner
	log     *slog.Logger
	self    int32
	boot    uint64
	waiters *waiters

	mu   sync.Mutex // guards note, which only the group's calls change
	note note
}

// newMachine returns the machine over inner. It refuses metadata without a note: no group has made that, so the other
// nodes do not have it.
func newMachine(inner Inner, self int32, boot uint64, log *slog.Logger) (*Machine, error) {
	if inner.Note() == nil && inner.Image().Index() > 0 {
		return nil, errors.New(
			"the metadata was made by a broker without a cluster: begin the cluster with an empty data directory",
		)
	}
	n, err := decodeNote(inner.Note())
	if err != nil {
		return nil, err
	}
	return &Machine{inner: inner, log: log, self: self, boot: boot, waiters: newWaiters(), note: n}, nil
}

// Applied returns the index of the last entry that was applied.
func (m *Machine) Applied() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.note.Index
}

// Voters returns the incarnations of the nodes that have claimed their votes, as of the last entry applied here.
func (m *Machine) Voters() map[int32][16]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.note.clone()
	return c.Voters
}

// boots returns the number of this node's latest run of which anything was applied here, 0 for none.
func (m *Machine) boots() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.note.Windows[m.self].Boot
}

// decision is the outcome of one of this node's proposals, reported once it is durable.
type decision struct {
	sequence uint64
	outcome
}

// Update applies entries by their indexes and resolves the proposals that wait for them here. When it returns, all of
// them are durable and in the image.
func (m *Machine) Update(entries iter.Seq2[uint64, []byte]) error {
	m.mu.Lock()
	n := m.note.clone()
	m.mu.Unlock()
	batch := m.inner.Begin()
	var decided []decision
	for index, data := range entries {
		if batch.Full() {
			if err := m.commit(batch, n, decided); err != nil {
				return err
			}
			batch, decided = m.inner.Begin(), nil
		}
		p, err := decodeProposal(data)
		if err == nil {
			var got outcome
			if got, err = m.apply(batch, &n, p); p.ID.Node == m.self && p.ID.Boot == m.boot {
				decided = append(decided, decision{p.ID.Sequence, got})
			}
		}
		if err != nil {
			return m.fail(fmt.Errorf("apply raft entry %d: %w", index, err))
		}
		n.Index = index
	}
	return m.commit(batch, n, decided)
}

// apply decides a proposal. An error means that it cannot be decided here; the outcome says when a rule forbids it.
func (m *Machine) apply(batch *metalog.Batch, n *note, p proposal) (outcome, error) {
	switch n.admit(p.ID) {
	case duplicate:
		return outcome{
			err: fault.New(fault.RequestTimedOut,
				"the command was decided, but this node learned of it by a snapshot, without its outcome"),
		}, nil
	case stale:
		return outcome{err: errOldCopy(p.ID.Node)}, nil
	case admitted:
	}
	if p.Voter != nil {
		return outcome{err: n.claim(*p.Voter)}, nil
	}
	cmd, err := metadata.DecodeCommand(p.Command)
	if err != nil {
		return outcome{}, err
	}
	result, err := batch.Apply(cmd)
	return outcome{result, err}, nil
}

// claim records a voter's incarnation. A node with another incarnation than before has lost its votes and must not vote
// again.
func (n *note) claim(v voter) error {
	known, ok := n.Voters[v.Node]
	if ok && known != v.Incarnation {
		return errIncarnation(v.Node)
	}
	n.Voters[v.Node] = v.Incarnation
	return nil
}

func errIncarnation(node int32) error {
	return fault.New(fault.InconsistentVoterSet,
		"node %d has been a member of the cluster, with another raft directory: %s", node, quorum.VotesLost(node))
}

func errOldCopy(node int32) error {
	return fault.New(fault.InconsistentVoterSet,
		"node %d has been started more often than its raft directory says: the directory is an old copy, and %s", node,
		quorum.VotesLost(node))
}

// commit makes a batch and its note durable, then reports the outcomes.
func (m *Machine) commit(batch *metalog.Batch, n note, decided []decision) error {
	encoded, err := n.encode()
	if err == nil {
		err = m.inner.Commit(batch, encoded)
	}
	if err != nil {
		return m.fail(err)
	}
	m.keep(n)
	for _, s := range decided {
		m.waiters.resolve(s.sequence, s.outcome)
	}
	return nil
}

func (m *Machine) keep(n note) {
	kept := n.clone()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note = kept
}

// Sync returns when what was applied survives a loss of power.
func (m *Machine) Sync() error { return m.fail(m.inner.Sync()) }

// Snapshot captures the metadata and the note as they are now; write writes them.
func (m *Machine) Snapshot() (write func(io.Writer) error, err error) {
	img, note := m.inner.Image(), m.inner.Note()
	return func(w io.Writer) error { return writeSnapshot(w, img, note) }, nil
}

// Restore puts another node's snapshot in the place of all metadata.
func (m *Machine) Restore(r io.Reader) error {
	img, encoded, err := readSnapshot(r)
	if err != nil {
		return m.fail(fmt.Errorf("read metadata snapshot: %w", err))
	}
	n, err := decodeNote(encoded)
	if err == nil {
		err = m.inner.Replace(img, encoded)
	}
	if err != nil {
		return m.fail(err)
	}
	m.keep(n)
	return nil
}

// fail logs why this node stops, before the group's runner ends the process.
func (m *Machine) fail(err error) error {
	if err != nil {
		m.log.Error("metadata cannot be applied any more, this node stops", "err", err)
	}
	return err
}
