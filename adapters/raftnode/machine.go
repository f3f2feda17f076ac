//go:build raft

package raftnode

import (
	"io"
	"iter"

	"github.com/lni/dragonboat/v4/statemachine"
)

// StateMachine is what a group replicates: committed entries are applied to it, in their order, on each node. It keeps
// its state on disk. Update, Sync, Snapshot and Restore are called by one goroutine at a time, and never after the
// replica is closed. An error from them ends the process, because the node would differ from the others.
type StateMachine interface {
	// Applied returns the index of the last entry whose effect is stored, 0 for none. It is called before everything
	// else.
	Applied() uint64
	// Update applies entries by their indexes, which rise. It must not keep their data. The result may depend on the
	// state and the entries only; otherwise the nodes would differ.
	Update(entries iter.Seq2[uint64, []byte]) error
	// Sync returns when what was applied survives a loss of power.
	Sync() error
	// Snapshot captures the state as it is now; write writes it later, while Update goes on.
	Snapshot() (write func(io.Writer) error, err error)
	// Restore replaces the whole state by a snapshot that another node has written.
	Restore(r io.Reader) error
}

// machine adapts a StateMachine to dragonboat's interface.
type machine struct {
	StateMachine
	closed chan struct{}
}

var _ statemachine.IOnDiskStateMachine = machine{}

// Open implements statemachine.IOnDiskStateMachine.
func (m machine) Open(<-chan struct{}) (uint64, error) { return m.Applied(), nil }

// Update implements statemachine.IOnDiskStateMachine.
func (m machine) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	return entries, m.StateMachine.Update(func(yield func(uint64, []byte) bool) {
		for _, e := range entries {
			if !yield(e.Index, e.Cmd) {
				return
			}
		}
	})
}

// Lookup implements statemachine.IOnDiskStateMachine. It returns nothing: callers read the state machine directly, and
// only need to know that it is recent enough.
func (m machine) Lookup(any) (any, error) { return struct{}{}, nil }

// PrepareSnapshot implements statemachine.IOnDiskStateMachine.
func (m machine) PrepareSnapshot() (any, error) { return m.Snapshot() }

// SaveSnapshot implements statemachine.IOnDiskStateMachine.
func (m machine) SaveSnapshot(taken any, w io.Writer, _ <-chan struct{}) error {
	return taken.(func(io.Writer) error)(w)
}

// RecoverFromSnapshot implements statemachine.IOnDiskStateMachine.
func (m machine) RecoverFromSnapshot(r io.Reader, _ <-chan struct{}) error { return m.Restore(r) }

// Close implements statemachine.IOnDiskStateMachine: nothing is called any more.
func (m machine) Close() error {
	close(m.closed)
	return nil
}
