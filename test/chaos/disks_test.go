//go:build raft

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestAcknowledgedRecordsSurviveChaosOfDisks lets the power fail and disks fill up. A node's disk is a file system of
// its own that loses what was not synced.
func TestAcknowledgedRecordsSurviveChaosOfDisks(t *testing.T) {
	t.Parallel()
	lasts, seed := chaosSettings(t)
	// The reserve and the raft log take 64 MiB each, two journal files 16, and the records less than 1 MiB a second.
	size := int64(384<<20) + int64(lasts/time.Second)<<20
	volumes := []*harness.Volume{harness.NewVolume(t, size), harness.NewVolume(t, size), harness.NewVolume(t, size)}
	c := newChaos(harness.StartClusterOn(t, 3, harness.NewNetwork(t), volumes,
		cleanOften("--set", "journal.file_size=8388608")...), seed)
	c.history.Padding = 500 // so that the logs soon outgrow their preallocated space
	c.survive(t, func() {
		c.inject(t, lasts, []fault{
			{"the power of all nodes fails", func(t *testing.T) { c.losePower(t, c.Nodes) }},
			{"the power of one node fails", func(t *testing.T) { c.losePower(t, []*harness.Node{c.victim(t)}) }},
			{"a node is killed, and its power fails when it is back", c.losePowerAfterKill},
			{"a node is stopped, and then its power fails", c.losePowerAfterStop},
			{"the disk of a node that leads partitions is full", func(t *testing.T) { c.fillUp(t, c.anyLeader(t)) }},
			{"the disk of a node that only follows is full", func(t *testing.T) { c.fillUp(t, c.onlyFollower(t)) }},
			{"the disks of all nodes are full", c.fillUpAll},
			{"the disk of the metadata's leader is full", c.fillUpController},
			{"disks fill up and drain", c.fillAndDrain},
		})
	})
}

// losePower stops nodes at the same time; they lose what they have not synced.
func (c *chaos) losePower(t *testing.T, lost []*harness.Node) {
	t.Helper()
	var dying sync.WaitGroup
	for _, n := range lost {
		dying.Go(n.Crash)
	}
	dying.Wait()
	for _, n := range lost {
		n.Volume.LosePower(t)
	}
	if len(lost) < len(c.Nodes) {
		c.history.AwaitEach(t) // the others go on
	}
	for _, n := range lost {
		n.Launch(t)
	}
}

// losePowerAfterKill lets the power fail after a restart that has found what the run before had written and not synced.
func (c *chaos) losePowerAfterKill(t *testing.T) {
	n := c.victim(t)
	n.Crash()
	unsyncRaftLog(t, n)
	n.Launch(t)
	c.AwaitInSync(t, "kept")
	c.losePower(t, []*harness.Node{n})
}

func (c *chaos) losePowerAfterStop(t *testing.T) {
	c.AwaitInSync(t, "kept")
	n := c.victim(t)
	n.Stop(t)
	n.Volume.LosePower(t)
	n.Launch(t)
}

// unsyncRaftLog replaces the newest raft log of a stopped node by a copy that is in the page cache only. That is how a
// kill before the sync leaves a log.
func unsyncRaftLog(t *testing.T, n *harness.Node) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(n.Dir, "raft/*/*/tandb/*/*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("node %d has no raft log: %v", n.ID, err)
	}
	log := slices.Max(logs) // their numbers have leading zeros
	text, err := os.ReadFile(log)
	if err == nil {
		err = errors.Join(os.WriteFile(log+".copy", text, 0o644), os.Rename(log+".copy", log))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// onlyFollower returns a node that leads nothing.
func (c *chaos) onlyFollower(t *testing.T) *harness.Node {
	t.Helper()
	n := c.Nodes[c.random.IntN(len(c.Nodes))]
	c.AwaitAll(t)
	harness.Within(t, time.Minute, "all can lead", func() bool {
		s := c.Status(t)
		return s.UnderReplicated == 0 && s.Leaderless == 0
	})
	c.Admin(t, "transfer-leadership", "--from", n.Ident())
	return n
}

// fillUp fills a node's disk until the other nodes continue without it and its log says why. The node recovers when
// there is space again.
func (c *chaos) fillUp(t *testing.T, n *harness.Node) {
	t.Helper()
	t.Logf("it is node %d", n.ID)
	n.Volume.Fill(t, 0)
	began := time.Now()
	harness.Within(t, time.Minute, "no partition waits for the node with the full disk", func() bool {
		return slices.ContainsFunc(c.Nodes, func(other *harness.Node) bool {
			parts := harness.Partitions(other.Metadata(t, "kept"))
			return other != n && len(parts) > 0 && !slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool {
				return p.Leader < 0 || p.Leader == n.ID || slices.Contains(p.ISR, n.ID)
			})
		})
	})
	t.Logf("no partition waits for node %d after %v", n.ID, time.Since(began).Round(time.Millisecond))
	harness.Within(t, 30*time.Second, "the node says what it is", func() bool { return complains(n) })
	c.history.AwaitEach(t)
	makeRoom(t, n)
	c.AwaitInSync(t, "kept")
}

// fillUpAll fills all disks: no node can continue until there is space again.
func (c *chaos) fillUpAll(t *testing.T) {
	c.AwaitInSync(t, "kept") // a node whose disk is full while it starts may end
	for _, n := range c.Nodes {
		n.Volume.Fill(t, 0)
	}
	// the rest has no client to write for
	harness.Within(t, 20*time.Second, "a majority says that it cannot write", func() bool {
		count := 0
		for _, n := range c.Nodes {
			if complains(n) {
				count++
			}
		}
		return count > len(c.Nodes)/2
	})
	for _, n := range c.Nodes {
		n.Volume.Clear(t)
	}
	c.history.AwaitEach(t) // by themselves
	c.AwaitInSync(t, "kept")
}

// fillAndDrain fills the disks for moments, under load, and restarts nothing.
func (c *chaos) fillAndDrain(t *testing.T) {
	c.AwaitInSync(t, "kept") // as in fillUpAll
	for range 2 * len(c.Nodes) {
		n := c.Nodes[c.random.IntN(len(c.Nodes))]
		n.Volume.Fill(t, 0)
		time.Sleep(time.Duration(c.random.IntN(1000)) * time.Millisecond) // the clients go on meanwhile
		n.Volume.Clear(t)
	}
	c.history.AwaitEach(t)
	c.AwaitInSync(t, "kept")
	for _, n := range c.Nodes {
		select {
		case <-n.Done:
			t.Fatalf("node %d has ended", n.ID)
		default:
		}
	}
}

// complains reports whether the node has logged that its disk is full.
func complains(n *harness.Node) bool {
	said := n.SinceStart()
	return strings.Contains(said, `msg="records are refused"`)
}

// makeRoom frees a node's space and restarts it.
func makeRoom(t *testing.T, n *harness.Node) {
	t.Helper()
	n.Cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	n.AwaitEnd(t)
	n.Volume.Clear(t)
	n.Launch(t)
}

// fillUpController fills the disk of the metadata's leader. It still commits commands, even when the majority needs it,
// and survives a kill and a restart in that state.
func (c *chaos) fillUpController(t *testing.T) {
	n := c.Controller(t)
	t.Logf("it is node %d", n.ID)
	n.Volume.Fill(t, 0)
	harness.Within(t, 30*time.Second, "the node says what it is", func() bool { return complains(n) })
	made := func(replicas string) {
		topic := fmt.Sprint("made-", time.Now().UnixNano())
		n.Kafka(t, "topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", replicas)
	}
	made("3")
	other := c.other(n)
	t.Logf("it is node %d", other.ID)
	other.Crash() // one node is left that takes records, which is less than min.insync.replicas
	made("2")
	other.Launch(t)
	c.history.AwaitEach(t)
	c.kill(t, n)
	n.Volume.Clear(t)
}
