package raftmeta

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// The topic and the partition for which the group that replicates metadata is named.
const (
	RaftMetadataTopic = "__raft_metadata"
	MetadataPartition = 0
)

// Group is this node's replica of the Raft group, as this package needs it.
type Group interface {
	// Propose returns nil when data was committed and this node's Machine has applied it. After an error, it may have
	// been applied or may still be.
	Propose(ctx context.Context, data []byte) error
	// Barrier returns nil when this node's Machine has applied everything that was committed before the call.
	Barrier(ctx context.Context) error
	// Leadership returns the leader's node id as far as this node knows, and its term. Once another leader has answered
	// a Barrier, it no longer returns this node.
	Leadership() (node int32, term uint64, ok bool)
	// Close ends the replica. The Machine is not called afterwards.
	Close() error
}

// Start creates this node's replica of the group, which applies its log to m.
type Start func(ctx context.Context, m *Machine) (Group, error)

// Local is the store on this node's disk. The Store opened over it closes it.
type Local interface {
	Inner
	Watch(ctx context.Context) iter.Seq[*metadata.Image]
	Close() error
}

// Settings identify this node and say how long it tries.
type Settings struct {
	NodeID      int32
	Boot        uint64        // rises with each start of the node, for good
	Incarnation [16]byte      // made up at random with the raft directory
	Patience    time.Duration // the time-out of commands and barriers whose context has no deadline
	Attempt     time.Duration // when an unanswered proposal is first made again: about two election time-outs
}

// DefaultSettings returns the defaults for a node.
func DefaultSettings(node int32, boot uint64, incarnation [16]byte) Settings {
	return Settings{NodeID: node, Boot: boot, Incarnation: incarnation, Patience: 30 * time.Second, Attempt: time.Second}
}

// Store is a ports.MetadataStore whose commands are committed by a Raft group.
type Store struct {
	settings Settings
	local    Local
	machine  *Machine
	group    Group
	close    func() error
}

var _ ports.MetadataStore = (*Store)(nil)

// Open returns the store over this node's metadata, which local holds, and starts its replica of the group. It does not
// wait for other nodes. It refuses metadata that was not made by a group, and a node that is known under another
// incarnation or by a later run: its votes are lost. The store owns local in any case and closes it when Open fails.
func Open(ctx context.Context, set Settings, local Local, start Start, log *slog.Logger) (*Store, error) {
	s, err := open(ctx, set, local, start, log)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open replicated metadata: %w", err), local.Close())
	}
	return s, nil
}

func open(ctx context.Context, set Settings, local Local, start Start, log *slog.Logger) (*Store, error) {
	m, err := newMachine(local, set.NodeID, set.Boot, log)
	if err != nil {
		return nil, err
	}
	if known, ok := m.Voters()[set.NodeID]; ok && known != set.Incarnation {
		return nil, errIncarnation(set.NodeID)
	}
	if m.boots() > set.Boot {
		return nil, errOldCopy(set.NodeID)
	}
	group, err := start(ctx, m)
	if err != nil {
		return nil, err
	}
	s := &Store{settings: set, local: local, machine: m, group: group}
	s.close = sync.OnceValue(func() error {
		m.waiters.close(errClosed())
		return errors.Join(s.group.Close(), s.local.Close())
	})
	return s, nil
}

// Image implements ports.MetadataStore.
func (s *Store) Image() *metadata.Image { return s.local.Image() }

// Watch implements ports.MetadataStore. It ends when the store is closed, too.
func (s *Store) Watch(ctx context.Context) iter.Seq[*metadata.Image] { return s.local.Watch(ctx) }

// Leadership implements ports.MetadataStore: the group's leader as far as this node knows. Any node may Apply.
func (s *Store) Leadership() ports.Leadership {
	node, term, ok := s.group.Leadership()
	if !ok {
		return ports.Leadership{NodeID: -1}
	}
	return ports.Leadership{Local: node == s.settings.NodeID, NodeID: node, Term: term}
}

// Voters returns the incarnations of the nodes that have claimed their votes, as far as this node knows. They expose a
// node that was wiped: its id is there with another incarnation.
func (s *Store) Voters() map[int32][16]byte { return s.machine.Voters() }

// Ready returns fault.KafkaStorageError when this node's disk is nearly full: Apply refuses what takes space then.
func (s *Store) Ready() error { return s.local.Ready() }

// Close ends the replica and then the local store. A second Close does nothing.
func (s *Store) Close() error { return s.close() }
