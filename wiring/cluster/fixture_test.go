//go:build raft

package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/test/harness"
)

func TestMain(m *testing.M) {
	if dir, ok := os.LookupEnv(childEnv); ok {
		os.Exit(runChild(dir))
	}
	goleak.VerifyTestMain(m)
}

// long is how long a test waits for what must happen.
const long = 30 * time.Second

// node is a node of a test's cluster: its settings and its running parts.
type node struct {
	set     raftnode.Settings
	manager *raftnode.Manager
	group   Group
	own     *controller.OwnVoters
	voters  *controller.Voters
	*raftmeta.Store
}

// newNode returns a node that does not run yet, with the raft address at which others reach it.
func newNode(dir string, id int32, address string) *node {
	set := raftnode.DefaultSettings()
	set.Dir = dir
	set.ClusterID = "test"
	set.NodeID = id
	set.Address = address
	set.RTT = 10 * time.Millisecond
	return &node{set: set}
}

// start starts the node.
func (n *node) start(ctx context.Context, members raftnode.Members) error {
	m, err := raftnode.Open(n.set, discard())
	if err != nil {
		return err
	}
	wal := walSettings(n.set.Dir)
	wal.NodeID = n.set.NodeID
	claim := controller.VoteClaim{Node: n.set.NodeID, Incarnation: m.Incarnation()}
	joining := controller.NewJoining(controller.JoinSettings{Claim: claim, Notes: m})
	md, err := open(ctx, m, members, atOnce{joining}, wal, discard())
	if err != nil {
		return errors.Join(err, m.Close())
	}
	n.manager = m
	n.Store = md.Store
	n.group = md.Group
	n.own = md.Own
	progress := controller.NewQuorumProgress(
		controller.NewController(md, nil, controller.ControllerSettings{}, time.Now, discard()),
	)
	n.voters = controller.NewVoters(controller.VoterSettings{
		Own: md.Own, Store: md, Group: md.Group, Progress: progress, Forward: unreachable, Log: discard(),
	})
	return nil
}

// atOnce lets a node take part without asking others.
type atOnce struct{ *controller.Joining }

func (atOnce) AwaitClaim(context.Context, *controller.OwnVoters) error { return nil }

// unreachable is a leader that cannot be asked to describe the quorum.
func unreachable(context.Context, int32) (controller.QuorumDescription, error) {
	return controller.QuorumDescription{}, fault.BrokerNotAvailable
}

// Close stops the node.
func (n *node) Close() error {
	if n.Store == nil {
		return nil
	}
	return errors.Join(n.Store.Close(), n.manager.Close())
}

func (n *node) replica(t *testing.T) *raftnode.Replica {
	t.Helper()
	r, ok := n.manager.Replica(metadataGroup())
	if !ok {
		t.Fatalf("node %d has no replica", n.set.NodeID)
	}
	return r
}

// cluster is a group of nodes that are all voters.
type cluster struct {
	nodes   []*node
	members raftnode.Members
}

// newCluster returns nodes that do not run yet, each with a directory in dir.
func newCluster(t testing.TB, dir string, size int, change func(*raftnode.Settings)) *cluster {
	t.Helper()
	c := &cluster{members: raftnode.Members{Peers: map[int32]string{}}}
	for id := range int32(size) {
		own := filepath.Join(dir, fmt.Sprint("node-", id))
		if err := os.MkdirAll(own, 0o755); err != nil {
			t.Fatal(err)
		}
		n := newNode(own, id, harness.FreeAddr(t))
		if change != nil {
			change(&n.set)
		}
		c.nodes = append(c.nodes, n)
		c.members.Peers[id] = n.set.Address
	}
	return c
}

// start starts all nodes, and returns when the first one leads.
func (c *cluster) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	for _, n := range c.nodes {
		if err := n.start(ctx, c.members); err != nil {
			return err
		}
	}
	r, _ := c.nodes[0].manager.Replica(metadataGroup())
	for range r.LeaderChanges(ctx) {
		if _, ok := r.Leader(); ok {
			break
		}
	}
	return r.TransferLeadership(ctx, 0)
}

// close stops all nodes.
func (c *cluster) close() error {
	var err error
	for _, n := range c.nodes {
		err = errors.Join(err, n.Close())
	}
	return err
}

// running returns a running cluster that stops with the test.
func running(t *testing.T, size int, change func(*raftnode.Settings)) *cluster {
	t.Helper()
	c := newCluster(t, t.TempDir(), size, change)
	if err := c.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (c *cluster) restart(t *testing.T, n *node) {
	t.Helper()
	if err := n.start(t.Context(), c.members); err != nil {
		t.Fatal(err)
	}
}

func stop(t *testing.T, n *node) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

func apply(t *testing.T, n *node, cmd metadata.Command) metadata.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	got, err := n.Apply(ctx, cmd)
	if err != nil {
		t.Fatalf("node %d: Apply(%+v) = %v", n.set.NodeID, cmd, err)
	}
	return got
}

// await returns when the node's image has reached an index.
func await(t *testing.T, s ports.MetadataStore, index uint64) *metadata.Image {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	for img := range s.Watch(ctx) {
		if img.Index() >= index {
			return img
		}
	}
	t.Fatalf("image %d does not come; the newest is %d", index, s.Image().Index())
	return nil
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// walSettings are the settings of a node's copy of the metadata.
func walSettings(dir string) walstore.Settings {
	return walstore.Settings{
		Dir: dir, SegmentSize: 50 << 20, FlushInterval: 100 * time.Millisecond, FlushThreshold: 1 << 20,
		Compression: "none",
		Checkpoint:  walstore.Checkpoint{Enabled: true, IntervalRecords: 1000, IntervalBytes: 10 << 20},
		Rotation:    walstore.Rotation{MaxSegmentSize: 50 << 20, MaxSegmentAge: time.Hour},
		Fsync:       walstore.Fsync{Enabled: true, BatchSize: 1},
	}
}

// openAlone opens the metadata of a broker without a cluster.
func openAlone(dir string) (ports.MetadataStore, error) {
	return walstore.Open(walSettings(dir), discard())
}

func dump(t *testing.T, img *metadata.Image) string {
	t.Helper()
	var text strings.Builder
	if err := metadata.Dump(&text, img); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

var (
	register = metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}}
	oneID    = metadata.AllocateProducerIDs{Count: 1}
)

func topic(name string) metadata.CreateTopic {
	id := metadata.TopicID{1}
	copy(id[1:], name)
	return metadata.CreateTopic{Name: name, ID: id, Partitions: 3, ReplicationFactor: 1}
}
