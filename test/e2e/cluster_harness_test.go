//go:build raft

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// nodes is a cluster of real processes on loopback.
type nodes struct {
	all     []*clusterNode
	gone    []*clusterNode // that were taken out of it
	network *network       // nil when the nodes reach each other directly
}

// clusterNode is one of them.
type clusterNode struct {
	*process // that runs or has run last; addr is where clients reach it
	id       int32
	args     []string
	output   *lockedBuffer // of all its processes
	network  *network
	volume   *volume     // that its data is on, nil for the test's own
	admin    *kgo.Client // of this node alone
}

// startNodes starts a cluster and returns when all its nodes are in service. With a network in between they can be cut
// off. In args {id} stands for the node's id.
func startNodes(t *testing.T, size int, between *network, args ...string) *nodes {
	t.Helper()
	return startNodesOn(t, size, between, nil, args...)
}

// startNodesOn is startNodes with nodes on volumes, which each have one of their own; nil for none.
func startNodesOn(t *testing.T, size int, between *network, volumes []*volume, args ...string) *nodes {
	t.Helper()
	return startNodesFrom(t, 1, size, between, volumes, args...)
}

// startNodesFrom is startNodesOn with ids that begin with first.
func startNodesFrom(t *testing.T, first int32, size int, between *network, volumes []*volume, args ...string) *nodes {
	t.Helper()
	c := newNodesFrom(t, first, size, between, volumes, args...)
	for _, n := range c.all {
		n.launch(t)
	}
	c.awaitAll(t)
	return c
}

// newNodes is startNodes for nodes that do not run yet.
func newNodes(t *testing.T, size int) *nodes {
	t.Helper()
	return newNodesFrom(t, 1, size, nil, nil)
}

// newNodesFrom is startNodesFrom for nodes that do not run yet.
func newNodesFrom(t *testing.T, first int32, size int, between *network, volumes []*volume, args ...string) *nodes {
	t.Helper()
	c := &nodes{network: between}
	var peers []string
	for id := first; id < first+int32(size); id++ {
		kafka, raft := freeAddr(t), freeAddr(t)
		n := &clusterNode{id: id, output: &lockedBuffer{}, network: between, args: []string{"--listen", kafka, "--set", "cluster.raft_listen=" + raft}}
		if between != nil {
			kafka, raft = between.gate(t, id, kafka), between.gate(t, id, raft)
		}
		n.process = &process{addr: kafka, dir: t.TempDir()}
		if volumes != nil {
			n.volume = volumes[id-first]
			n.dir = filepath.Join(n.volume.at, "data")
		}
		n.admin = client(t, kafka, kgo.RequestRetries(0), kgo.DialTimeout(time.Second))
		n.args = append(n.args, "--advertised-addr", kafka, "--set", "http.listen=", "--set", fmt.Sprintf("cluster.node_id=%d", id))
		peers = append(peers, fmt.Sprintf("%d@%s@%s", id, kafka, raft))
		c.all = append(c.all, n)
	}
	t.Cleanup(func() { c.end(t) })
	for _, n := range c.all {
		n.args = append(n.args, "--set", "cluster.peers="+strings.Join(peers, ","))
		for _, arg := range args {
			n.args = append(n.args, strings.ReplaceAll(arg, "{id}", strconv.Itoa(int(n.id))))
		}
	}
	return c
}

// freeAddr returns an address of loopback that is free for TCP, and stays so for the test: with the same number for UDP
// it is kept from other tests while the node is down, and its port is none that the system gives to connections.
func freeAddr(t *testing.T) string {
	t.Helper()
	const lowest, beyond = 10_000, 32_768
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(beyond-lowest))
		claim, err := net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		t.Cleanup(func() { claim.Close() })
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// launch starts a node that does not run and returns at once.
func (n *clusterNode) launch(t *testing.T) {
	t.Helper()
	fmt.Fprintf(n.output, "---- node %d starts %s\n", n.id, time.Now().Format(time.StampMilli))
	p := launch(t, nil, n.dir, n.output, n.args...)
	p.addr = n.addr
	n.process = p
	if n.network != nil {
		n.network.runs(n.id, p.cmd.Process.Pid)
	}
}

// sinceStart is what a node has said since it was launched last.
func (n *clusterNode) sinceStart() string {
	log := n.output.tail(1 << 30)
	return log[strings.LastIndex(log, fmt.Sprintf("---- node %d starts", n.id)):]
}

// ident is its id as commands take it.
func (n *clusterNode) ident() string { return strconv.Itoa(int(n.id)) }

// crash kills a node.
func (n *clusterNode) crash() {
	n.kill()
	fmt.Fprintf(n.output, "---- node %d was killed %s\n", n.id, time.Now().Format(time.StampMilli))
}

// pause stops a node where it is; resume lets it go on.
func (n *clusterNode) pause()  { n.cmd.Process.Signal(syscall.SIGSTOP) }
func (n *clusterNode) resume() { n.cmd.Process.Signal(syscall.SIGCONT) }

// end kills all nodes, and leaves their logs when the test has failed.
func (c *nodes) end(t *testing.T) {
	every := slices.Concat(c.all, c.gone)
	for _, n := range every {
		if n.cmd != nil {
			n.kill()
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
		t.Logf("end of the log of node %d:\n%s", n.id, n.output.tail(3000))
		writeFile(t, filepath.Join(dir, fmt.Sprintf("node-%d.log", n.id)), n.output.tail(1<<30))
	}
	t.Logf("the nodes' logs are in %s", dir)
}

// seeds are where clients begin.
func (c *nodes) seeds() []string {
	var all []string
	for _, n := range c.all {
		all = append(all, n.addr)
	}
	return all
}

// client is a client of the whole cluster.
func (c *nodes) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	return client(t, c.seeds()[0], append([]kgo.Opt{kgo.SeedBrokers(c.seeds()...)}, opts...)...)
}

// metadata is what a node says of the cluster; it is empty when the node does not answer.
func (n *clusterNode) metadata(t *testing.T, topics ...string) *kmsg.MetadataResponse {
	t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	for _, topic := range topics {
		req.Topics = append(req.Topics, kmsg.MetadataRequestTopic{Topic: kmsg.StringPtr(topic)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if resp, err := n.admin.SeedBrokers()[0].Request(ctx, req); err == nil {
		return resp.(*kmsg.MetadataResponse)
	}
	return &kmsg.MetadataResponse{ControllerID: -1}
}

// partitions are a topic's partitions in metadata that was asked for it; nil when it is not known.
func partitions(m *kmsg.MetadataResponse) []kmsg.MetadataResponseTopicPartition {
	if len(m.Topics) != 1 || m.Topics[0].ErrorCode != 0 {
		return nil
	}
	slices.SortFunc(m.Topics[0].Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return cmp.Compare(a.Partition, b.Partition) })
	return m.Topics[0].Partitions
}

// awaitAll returns when each node says that all are in service and who leads the metadata.
func (c *nodes) awaitAll(t *testing.T) {
	t.Helper()
	within(t, 40*time.Second, "all nodes are in service", func() bool {
		for _, n := range c.all {
			select {
			case <-n.done:
				t.Fatalf("node %d has ended", n.id)
			default:
			}
		}
		return !slices.ContainsFunc(c.all, func(n *clusterNode) bool {
			m := n.metadata(t)
			return len(m.Brokers) < len(c.all) || m.ControllerID < 0
		})
	})
}

// awaitInSync returns when all replicas of a topic are in sync, as all nodes say.
func (c *nodes) awaitInSync(t *testing.T, topic string) {
	t.Helper()
	within(t, time.Minute, "all replicas of "+topic+" are in sync", func() bool {
		return !slices.ContainsFunc(c.all, func(n *clusterNode) bool {
			parts := partitions(n.metadata(t, topic))
			return len(parts) == 0 || slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool {
				return p.Leader < 0 || len(p.ISR) < len(p.Replicas)
			})
		})
	})
}

// ask returns the metadata that the first node answers with for which it holds.
func (c *nodes) ask(t *testing.T, holds func(*kmsg.MetadataResponse) bool, topics ...string) (m *kmsg.MetadataResponse) {
	t.Helper()
	within(t, 30*time.Second, "a node knows the cluster", func() bool {
		return slices.ContainsFunc(c.all, func(n *clusterNode) bool {
			m = n.metadata(t, topics...)
			return holds(m)
		})
	})
	return m
}

// controller is the node that leads the metadata.
func (c *nodes) controller(t *testing.T) *clusterNode {
	t.Helper()
	return c.node(t, c.ask(t, func(m *kmsg.MetadataResponse) bool { return m.ControllerID >= 0 }).ControllerID)
}

// leader is the node that leads a partition.
func (c *nodes) leader(t *testing.T, topic string, partition int) *clusterNode {
	t.Helper()
	m := c.ask(t, func(m *kmsg.MetadataResponse) bool {
		parts := partitions(m)
		return len(parts) > partition && parts[partition].Leader >= 0
	}, topic)
	return c.node(t, partitions(m)[partition].Leader)
}

// node is that of an id.
func (c *nodes) node(t *testing.T, id int32) *clusterNode {
	t.Helper()
	at := slices.IndexFunc(c.all, func(n *clusterNode) bool { return n.id == id })
	if at < 0 {
		t.Fatalf("there is no node %d", id)
	}
	return c.all[at]
}

// create makes a topic with three replicas.
func (c *nodes) create(t *testing.T, topic string, partitions int32) {
	t.Helper()
	configs := map[string]*string{"segment.bytes": kadm.StringPtr("4194304"), "min.insync.replicas": kadm.StringPtr("2")}
	if _, err := kadm.NewClient(c.client(t)).CreateTopic(t.Context(), partitions, 3, configs, topic); err != nil {
		t.Fatal(err)
	}
	c.awaitInSync(t, topic)
}

// balance has the preferred replicas of a topic lead, and returns when all nodes know.
func (c *nodes) balance(t *testing.T, topic string) {
	t.Helper()
	if _, err := kadm.NewClient(c.client(t)).ElectLeaders(t.Context(), kadm.ElectPreferredReplica, nil); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the preferred replicas lead "+topic, func() bool {
		return !slices.ContainsFunc(c.all, func(n *clusterNode) bool {
			parts := partitions(n.metadata(t, topic))
			return len(parts) == 0 || slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Leader != p.Replicas[0] })
		})
	})
}
