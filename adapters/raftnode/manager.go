//go:build raft

package raftnode

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/raftio"
	"github.com/lni/vfs"
)

// Memory that dragonboat may take, in bytes.
const (
	logBuffer  = 256 << 10 // for each of Tan's 16 writers, which grow for a larger write
	maxUnacked = 64 << 20  // of entries that are not applied yet, by group
	maxQueued  = 64 << 20  // of messages, by peer and direction
)

// Group names a Raft group by the topic and partition that it replicates.
type Group struct {
	Topic     string
	Partition int32
}

// String returns the group's name, "topic-partition".
func (g Group) String() string { return fmt.Sprintf("%s-%d", g.Topic, g.Partition) }

// shard is dragonboat's number for the group, the same on all nodes.
func (g Group) shard() uint64 {
	sum := fnv.New64a()
	_, _ = io.WriteString(sum, g.String()) // never fails
	return max(1, sum.Sum64())
}

// replicaID is dragonboat's number for a node's replica of any group; 0 is not allowed.
func replicaID(node int32) uint64 { return uint64(node) + 1 }

// nodeOf is the node whose replica has the number, -1 for none.
func nodeOf(replica uint64) int32 { return int32(replica) - 1 }

// Manager runs this node's replicas of Raft groups. Its methods may be called concurrently.
type Manager struct {
	settings Settings
	dir      string
	host     *dragonboat.NodeHost
	logs     raftio.ILogDB
	closed   chan struct{}
	close    func()

	mu       sync.Mutex
	guard    guard
	replicas map[uint64]*Replica // by shard
}

// Open opens this node's raft directory, or makes it, and listens for the other nodes. It is
// ErrWrongNode when the directory is another node's, and ErrLostData when something in it is gone.
// Nothing is changed then. Close the manager.
func Open(set Settings, log *slog.Logger) (*Manager, error) {
	m, err := open(set, log)
	if err != nil {
		return nil, fmt.Errorf("open raft: %w", err)
	}
	return m, nil
}

func open(set Settings, log *slog.Logger) (*Manager, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	routeLogs(log)
	m := &Manager{
		settings: set, dir: filepath.Join(set.Dir, raftDir), closed: make(chan struct{}), replicas: map[uint64]*Replica{},
	}
	var err error
	if m.guard, err = openGuard(m.dir, set); err != nil {
		return nil, err
	}
	if err = prepareLogs(m.dir); err != nil {
		return nil, err
	}
	factory := &logFactory{LogDBFactory: tan.Factory}
	if m.host, err = newHost(m.hostConfig(factory)); err != nil {
		return nil, err
	}
	m.logs = factory.made
	m.close = sync.OnceFunc(func() {
		m.host.Close()
		close(m.closed)
	})
	return m, nil
}

func (m *Manager) hostConfig(logs config.LogDBFactory) config.NodeHostConfig {
	set := m.settings
	deployment := fnv.New64a()
	_, _ = io.WriteString(deployment, set.ClusterID) // never fails
	buffers := config.GetTinyMemLogDBConfig()
	buffers.KVWriteBufferSize = logBuffer
	c := config.NodeHostConfig{
		DeploymentID:        max(1, deployment.Sum64()), // messages of other clusters are dropped
		NodeHostDir:         m.dir,
		RTTMillisecond:      uint64(set.RTT.Milliseconds()),
		RaftAddress:         set.Address,
		ListenAddress:       set.Listen,
		RaftEventListener:   listener{m},
		MaxSendQueueSize:    maxQueued,
		MaxReceiveQueueSize: maxQueued,
		Expert: config.ExpertConfig{
			LogDBFactory: logs, LogDB: buffers, Engine: config.GetDefaultEngineConfig(), FS: files{vfs.Default, set.Space},
		},
	}
	if t := set.TLS; t != nil {
		c.MutualTLS = true
		c.CAFile = t.CAFile
		c.CertFile = t.CertFile
		c.KeyFile = t.KeyFile
	}
	return c
}

// newHost is dragonboat.NewNodeHost, which may panic, or return neither a host nor an error after a panic of its own.
func newHost(c config.NodeHostConfig) (host *dragonboat.NodeHost, err error) {
	defer func() {
		if r := recover(); r != nil {
			host, err = nil, fmt.Errorf("%s cannot be used: %v", c.NodeHostDir, r)
		}
	}()
	host, err = dragonboat.NewNodeHost(c)
	if err == nil && host == nil {
		err = fmt.Errorf("%s cannot be used: dragonboat does not say why", c.NodeHostDir)
	}
	return host, err
}

// logFactory makes dragonboat's log, and keeps it, so that it can be examined before a replica starts.
type logFactory struct {
	config.LogDBFactory
	made raftio.ILogDB
}

// Create implements config.LogDBFactory.
func (f *logFactory) Create(
	c config.NodeHostConfig, cb config.LogDBCallback, dirs, wals []string,
) (raftio.ILogDB, error) {
	made, err := f.LogDBFactory.Create(c, cb, dirs, wals)
	f.made = made
	return made, err
}

// NodeID returns this node's id.
func (m *Manager) NodeID() int32 { return m.settings.NodeID }

// Incarnation returns the random id that was made with the raft directory. A node with the same node id and another
// incarnation has lost its votes.
func (m *Manager) Incarnation() [16]byte { return [16]byte(m.guard.Incarnation) }

// Boot returns the number of this run of the node. It is higher than in all earlier runs, even those whose directory
// was lost.
func (m *Manager) Boot() uint64 { return m.guard.Boot }

// Replica returns this node's replica of the group.
func (m *Manager) Replica(g Group) (*Replica, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.replicas[g.shard()]
	return r, ok
}

// Close ends all replicas. A second Close does nothing.
func (m *Manager) Close() error {
	m.close()
	return nil
}

// hadGroup reports whether noteGroup has recorded the group.
func (m *Manager) hadGroup(g Group) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Contains(m.guard.Groups, g.String())
}

// add keeps the replica by its group.
func (m *Manager) add(r *Replica) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if other, taken := m.replicas[r.shard]; taken {
		return fmt.Errorf("raft group %v has a replica here, of %v", r.group, other.group)
	}
	m.replicas[r.shard] = r
	return nil
}

func (m *Manager) remove(r *Replica) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.replicas, r.shard)
}

// errPeers is CreateReplica's error for invalid Members.
var errPeers = errors.New(
	"a raft group's first members are given on each of them, or join = true on one that comes later",
)
