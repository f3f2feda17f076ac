//go:build raft

package e2e

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
)

// TestAcknowledgedRecordsSurviveChaosOfDisks has the power fail and disks fill up. A node's disk is a file system of
// its own that forgets what was not synced.
func TestAcknowledgedRecordsSurviveChaosOfDisks(t *testing.T) {
	skipInShortMode(t)
	t.Parallel()
	lasts, seed := chaosSettings(t)
	// The reserve and the raft log take 64 MiB each, two journal files 16, and the records less than 1 MiB a second.
	size := int64(384<<20) + int64(lasts/time.Second)<<20
	volumes := []*volume{newVolume(t, size), newVolume(t, size), newVolume(t, size)}
	c := newChaos(startNodesOn(t, 3, newNetwork(t), volumes, cleanOften("--set", "journal.file_size=8388608")...), seed)
	c.history.padding = 500 // so that the logs soon want more space than they have
	c.survive(t, func() {
		c.rage(t, lasts, []mishap{
			{"the power of all nodes fails", func(t *testing.T) { c.losePower(t, c.all) }},
			{"the power of one node fails", func(t *testing.T) { c.losePower(t, []*clusterNode{c.victim(t)}) }},
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

// losePower has nodes end at a time, and forget what they have not synced.
func (c *chaos) losePower(t *testing.T, lost []*clusterNode) {
	t.Helper()
	var dying sync.WaitGroup
	for _, n := range lost {
		dying.Go(n.crash)
	}
	dying.Wait()
	for _, n := range lost {
		n.volume.losePower(t)
	}
	if len(lost) < len(c.all) {
		c.history.awaitEach(t) // the others go on
	}
	for _, n := range lost {
		n.launch(t)
	}
}

// losePowerAfterKill has the power fail after a restart that has found what was written, and not
// synced, by the run before.
func (c *chaos) losePowerAfterKill(t *testing.T) {
	n := c.victim(t)
	n.crash()
	n.unsyncRaftLog(t)
	n.launch(t)
	c.awaitInSync(t, "kept")
	c.losePower(t, []*clusterNode{n})
}

func (c *chaos) losePowerAfterStop(t *testing.T) {
	c.awaitInSync(t, "kept")
	n := c.victim(t)
	n.stop(t)
	n.volume.losePower(t)
	n.launch(t)
}

// unsyncRaftLog puts an equal log in the place of the newest of a node that does not run. It is in the kernel's memory
// alone, as what was written is when a process is killed before its sync.
func (n *clusterNode) unsyncRaftLog(t *testing.T) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(n.dir, "raft/*/*/tandb/*/*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("node %d has no raft log: %v", n.id, err)
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

// onlyFollower is a node that leads nothing.
func (c *chaos) onlyFollower(t *testing.T) *clusterNode {
	t.Helper()
	n := c.all[c.random.IntN(len(c.all))]
	c.awaitAll(t)
	within(t, time.Minute, "all can lead", func() bool {
		s := c.status(t)
		return s.UnderReplicated == 0 && s.Leaderless == 0
	})
	c.cluster(t, "transfer-leadership", "--from", n.ident())
	return n
}

// fillUp lets a node go on with full disk, until others do without it and what it says of it is clear. It comes back
// when there is space again.
func (c *chaos) fillUp(t *testing.T, n *clusterNode) {
	t.Helper()
	t.Logf("it is node %d", n.id)
	n.volume.fill(t, 0)
	began := time.Now()
	within(t, time.Minute, "no partition waits for the node with the full disk", func() bool {
		return slices.ContainsFunc(c.all, func(other *clusterNode) bool {
			parts := partitions(other.metadata(t, "kept"))
			return other != n && len(parts) > 0 && !slices.ContainsFunc(parts, func(p kmsg.MetadataResponseTopicPartition) bool {
				return p.Leader < 0 || p.Leader == n.id || slices.Contains(p.ISR, n.id)
			})
		})
	})
	t.Logf("no partition waits for node %d after %v", n.id, time.Since(began).Round(time.Millisecond))
	within(t, 10*time.Second, "the node says what it is", n.complains)
	c.history.awaitEach(t)
	n.makeRoom(t)
	c.awaitInSync(t, "kept")
}

// fillUpAll lets nobody go on, until there is space again.
func (c *chaos) fillUpAll(t *testing.T) {
	for _, n := range c.all {
		n.volume.fill(t, 0)
	}
	within(t, 20*time.Second, "a majority says that it cannot write", func() bool { // the rest has nobody to write for
		count := 0
		for _, n := range c.all {
			if n.complains() {
				count++
			}
		}
		return count > len(c.all)/2
	})
	for _, n := range c.all {
		n.volume.clear(t)
	}
	c.history.awaitEach(t) // by themselves
	c.awaitInSync(t, "kept")
}

// fillAndDrain has the disks full for moments, under load, and nobody start anything anew.
func (c *chaos) fillAndDrain(t *testing.T) {
	for range 2 * len(c.all) {
		n := c.all[c.random.IntN(len(c.all))]
		n.volume.fill(t, 0)
		time.Sleep(time.Duration(c.random.IntN(1000)) * time.Millisecond) // the clients go on meanwhile
		n.volume.clear(t)
	}
	c.history.awaitEach(t)
	c.awaitInSync(t, "kept")
	for _, n := range c.all {
		select {
		case <-n.done:
			t.Fatalf("node %d has ended", n.id)
		default:
		}
	}
}

// complains reports whether the node has said that its disk is full.
func (n *clusterNode) complains() bool {
	said := n.sinceStart()
	return strings.Contains(said, `msg="records are refused"`)
}

// makeRoom gives a node its space back, and starts it anew.
func (n *clusterNode) makeRoom(t *testing.T) {
	t.Helper()
	n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	n.ends(t)
	n.volume.clear(t)
	n.launch(t)
}

// fillUpController takes all the space of the metadata's leader, which goes on to decide, also where a majority needs
// it, and is killed and starts so.
func (c *chaos) fillUpController(t *testing.T) {
	n := c.controller(t)
	t.Logf("it is node %d", n.id)
	n.volume.fill(t, 0)
	within(t, 10*time.Second, "the node says what it is", n.complains)
	made := func(replicas string) {
		topic := fmt.Sprint("made-", time.Now().UnixNano())
		n.kafka(t, "topics", "--create", "--topic", topic, "--partitions", "1", "--replication-factor", replicas)
	}
	made("3")
	other := c.other(n)
	t.Logf("it is node %d", other.id)
	other.crash() // one node is left that takes records, which is less than min.insync.replicas
	made("2")
	other.launch(t)
	c.history.awaitEach(t)
	c.kill(t, n)
	n.volume.clear(t)
}
