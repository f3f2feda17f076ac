package harness

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Cluster is a cluster of real processes on loopback.
type Cluster struct {
	Nodes   []*Node
	Gone    []*Node  // nodes that were removed from it
	Network *Network // nil when the nodes reach each other directly
}

// StartCluster starts a cluster and returns when all its brokers are unfenced. With a network between them, nodes can
// be cut off; nil for none. In args, {id} stands for the node's id. The nodes are killed when the test ends.
func StartCluster(t *testing.T, size int, between *Network, args ...string) *Cluster {
	t.Helper()
	return StartClusterOn(t, size, between, nil, args...)
}

// StartClusterOn is StartCluster with each node on a volume of its own; nil for none.
func StartClusterOn(t *testing.T, size int, between *Network, volumes []*Volume, args ...string) *Cluster {
	t.Helper()
	return StartClusterFrom(t, 1, size, between, volumes, args...)
}

// StartClusterFrom is StartClusterOn with ids that begin with first.
func StartClusterFrom(t *testing.T, first int32, size int, between *Network, volumes []*Volume,
	args ...string,
) *Cluster {
	t.Helper()
	c := newClusterFrom(t, first, size, between, volumes, args...)
	for _, n := range c.Nodes {
		n.Launch(t)
	}
	c.AwaitAll(t)
	return c
}

// NewCluster is StartCluster without starting the nodes.
func NewCluster(t *testing.T, size int) *Cluster {
	t.Helper()
	return newClusterFrom(t, 1, size, nil, nil)
}

// newClusterFrom is StartClusterFrom without starting the nodes.
func newClusterFrom(t *testing.T, first int32, size int, between *Network, volumes []*Volume, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{Network: between}
	var peers []string
	for id := first; id < first+int32(size); id++ {
		kafka, raft := FreeAddr(t), FreeAddr(t)
		n := &Node{ID: id, Output: &Output{}, network: between, Args: []string{
			"--listen", kafka, "--set",
			"cluster.raft_listen=" + raft,
		}}
		if between != nil {
			kafka, raft = between.gate(t, id, kafka), between.gate(t, id, raft)
		}
		n.Broker = &Broker{Addr: kafka, Dir: t.TempDir()}
		if volumes != nil {
			n.Volume = volumes[id-first]
			n.Dir = filepath.Join(n.Volume.At, "data")
		}
		n.Client = NewClient(t, kafka, kgo.RequestRetries(0), kgo.DialTimeout(time.Second))
		n.Args = append(n.Args, "--advertised-addr", kafka, "--set", "http.listen=", "--set",
			fmt.Sprintf("cluster.node_id=%d", id))
		peers = append(peers, fmt.Sprintf("%d@%s@%s", id, kafka, raft))
		c.Nodes = append(c.Nodes, n)
	}
	t.Cleanup(func() { c.End(t) })
	for _, n := range c.Nodes {
		n.Args = append(n.Args, "--set", "cluster.peers="+strings.Join(peers, ","))
		for _, arg := range args {
			n.Args = append(n.Args, strings.ReplaceAll(arg, "{id}", strconv.Itoa(int(n.ID))))
		}
	}
	return c
}

// FreeAddr returns a loopback address that is free for TCP and stays so for the test.
func FreeAddr(t testing.TB) string {
	t.Helper()
	addr, release, err := ClaimAddr()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return addr
}

// ClaimAddr returns a loopback address that is free for TCP and stays so until release is called, or the process ends.
// The UDP port of the same number reserves it against other tests while nothing listens there, and it is outside of the
// ephemeral range.
func ClaimAddr() (addr string, release func(), err error) {
	const lowest, beyond = 10_000, 32_768
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(beyond-lowest))
		claim, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr, func() { claim.Close() }, nil
		}
		claim.Close()
	}
	return "", nil, errors.New("no free port")
}

// End kills all nodes, and keeps their logs when the test has failed.
func (c *Cluster) End(t *testing.T) {
	every := slices.Concat(c.Nodes, c.Gone)
	for _, n := range every {
		if n.Cmd != nil {
			n.Kill()
		}
	}
	if !t.Failed() {
		return
	}
	dir, err := os.MkdirTemp("", "chronik-"+strings.ReplaceAll(t.Name(), "/", "-")+"-") //nolint:usetesting // it is kept
	if err != nil {
		t.Error(err)
		return
	}
	for _, n := range every {
		t.Logf("end of the log of node %d:\n%s", n.ID, n.Output.Tail(3000))
		WriteFile(t, filepath.Join(dir, fmt.Sprintf("node-%d.log", n.ID)), n.Output.Tail(1<<30))
	}
	t.Logf("the nodes' logs are in %s", dir)
}

// Seeds returns the bootstrap addresses for clients.
func (c *Cluster) Seeds() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.Addr)
	}
	return all
}

// Client returns a client of the whole cluster.
func (c *Cluster) Client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return NewClient(t, c.Seeds()[0], append([]kgo.Opt{kgo.SeedBrokers(c.Seeds()...)}, opts...)...)
}

// Node returns the node with an id.
func (c *Cluster) Node(t *testing.T, id int32) *Node {
	t.Helper()
	at := slices.IndexFunc(c.Nodes, func(n *Node) bool { return n.ID == id })
	if at < 0 {
		t.Fatalf("there is no node %d", id)
	}
	return c.Nodes[at]
}

// Newcomer returns a node that may join, and its raft address. It is not started yet. It knows the other nodes'
// addresses for clients.
func (c *Cluster) Newcomer(t *testing.T, id int32) (n *Node, raft string) {
	t.Helper()
	kafka, raft := FreeAddr(t), FreeAddr(t)
	n = &Node{ID: id, Output: &Output{}, network: c.Network, Args: []string{
		"--listen", kafka, "--set",
		"cluster.raft_listen=" + raft,
	}}
	if c.Network != nil {
		kafka, raft = c.Network.gate(t, id, kafka), c.Network.gate(t, id, raft)
	}
	n.Broker, n.Client = &Broker{Addr: kafka, Dir: t.TempDir()}, NewClient(t, kafka)
	peers := []string{fmt.Sprintf("%d@%s@%s", id, kafka, raft)}
	for _, other := range c.Nodes {
		// the other nodes report their own raft addresses
		peers = append(peers, fmt.Sprintf("%d@%s@%s", other.ID, other.Addr, FreeAddr(t)))
	}
	n.Args = append(n.Args, "--advertised-addr", kafka, "--set", "http.listen=127.0.0.1:0", "--set",
		fmt.Sprintf("cluster.node_id=%d", id),
		"--set", "cluster.join=true", "--set", "cluster.peers="+strings.Join(peers, ","))
	c.Nodes = append(c.Nodes, n)
	return n, raft
}
