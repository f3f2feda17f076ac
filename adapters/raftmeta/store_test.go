package raftmeta

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

func TestStore(t *testing.T) {
	disks, groups, boots := map[string]*disk{}, map[string]*agreement{}, map[string]uint64{}
	porttest.MetadataStore(t, func(t *testing.T, dir string) ports.MetadataStore {
		t.Helper()
		if disks[dir] == nil {
			disks[dir], groups[dir] = new(disk), &agreement{leader: 1}
		}
		boots[dir]++
		return groups[dir].join(t, settingsOf(1, boots[dir]), disks[dir])
	})
}

func TestEveryNodeHoldsWhatAnyNodeHasApplied(t *testing.T) {
	a := &agreement{}
	nodes := a.nodes(t, 3)
	for n, node := range nodes {
		if got := allocate(t, node.Store); got.ProducerIDs.First != int64(n) || node.Image().Index() != got.Index {
			t.Errorf("node %d got %+v, its image has index %d", n, got, node.Image().Index())
		}
	}
	for n, node := range nodes {
		if diff := cmp.Diff(dump(t, nodes[0].Image()), dump(t, node.Image())); diff != "" {
			t.Errorf("node %d (-node 0 +it):\n%s", n, diff)
		}
		if diff := cmp.Diff(nodes[0].disk.note, node.disk.note); diff != "" {
			t.Errorf("note of node %d (-node 0 +it):\n%s", n, diff)
		}
		if got := (ports.Leadership{Local: n == 0, NodeID: 0, Term: 1}); node.Leadership() != got {
			t.Errorf("node %d: Leadership() = %+v", n, node.Leadership())
		}
	}
}

func TestRefusalsReachTheCallerOnAnyNode(t *testing.T) {
	a := &agreement{}
	for n, node := range a.nodes(t, 2) {
		want := metadataError(metadata.DeleteTopic{ID: metadata.TopicID{9}})
		_, err := node.Apply(t.Context(), metadata.DeleteTopic{ID: metadata.TopicID{9}})
		var got *fault.Error
		if !errors.As(err, &got) || got.Kind != fault.UnknownTopicID || got.Error() != want.Error() {
			t.Errorf("node %d: Apply() = %v, want %v", n, err, want)
		}
	}
}

func metadataError(cmd metadata.Command) error {
	_, _, err := metadata.Apply(new(metadata.Image), cmd)
	return err
}

// TestAProposalThatIsMadeAgainIsAppliedOnce has every proposal appended twice, or lost, or applied without an answer to
// its proposer.
func TestAProposalThatIsMadeAgainIsAppliedOnce(t *testing.T) {
	var made atomic.Int64
	a := &agreement{fault: func([]byte) (int, error) {
		switch made.Add(1) % 4 {
		case 0:
			return 2, nil
		case 1:
			return 0, errRefused
		case 2:
			return 1, context.DeadlineExceeded // applied without an answer
		default:
			return 3, errRefused
		}
	}}
	nodes := a.nodes(t, 3)
	const clients, each = 4, 25
	var firsts sync.Map
	var wg sync.WaitGroup
	for _, node := range nodes {
		for range clients {
			wg.Go(func() {
				for range each {
					got, err := node.Apply(t.Context(), oneID)
					if err != nil {
						t.Error(err)
						return
					}
					if _, again := firsts.LoadOrStore(got.ProducerIDs.First, true); again {
						t.Errorf("id %d was given twice", got.ProducerIDs.First)
					}
				}
			})
		}
	}
	wg.Wait()
	for n, node := range nodes {
		if got, want := node.Image().NextProducerID(), int64(3*clients*each); got != want {
			t.Errorf("node %d: %d ids were given to %d commands", n, got, want)
		}
	}
	if made.Load() <= 3*clients*each {
		t.Error("nothing was proposed again")
	}
}

func TestADuplicateFromAnEarlierRunChangesNothing(t *testing.T) {
	a := &agreement{}
	node := a.nodes(t, 1)[0]
	allocate(t, node.Store)
	allocate(t, node.Store)
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	again := a.join(t, settingsOf(0, 2), node.disk)
	allocate(t, again.Store)
	for _, entry := range a.entries { // all of them arrive late
		if err := a.replicas[1].Propose(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	if got := again.Image().NextProducerID(); got != 3 {
		t.Errorf("%d ids were given to 3 commands", got)
	}
}

func TestANodeThatGoesBackInTimeIsRefused(t *testing.T) {
	a := &agreement{}
	node := a.join(t, settingsOf(0, 7), new(disk))
	allocate(t, node.Store)
	old := a.join(t, settingsOf(0, 3), new(disk))
	if _, err := old.Apply(t.Context(), oneID); !errors.Is(err, fault.InconsistentVoterSet) {
		t.Errorf("Apply() = %v", err)
	}
}

func TestAnOldRaftDirectoryBesideNewerMetadataIsRefused(t *testing.T) {
	a, d := &agreement{}, new(disk)
	node := a.join(t, settingsOf(0, 7), d)
	allocate(t, node.Store)
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), settingsOf(0, 3), d.open(t), a.start(0), slog.New(slog.DiscardHandler))
	if !errors.Is(err, fault.InconsistentVoterSet) {
		t.Errorf("Open() = %v, %v", s, err)
	}
}

func TestWithoutALeaderApplyAndBarrierSaySoInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &agreement{leader: -1}
		s := a.nodes(t, 1)[0]
		if got := s.Leadership(); got != (ports.Leadership{NodeID: -1}) {
			t.Errorf("Leadership() = %+v", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := s.Apply(ctx, oneID)
		if !errors.Is(err, fault.NotController) || !errors.Is(err, context.DeadlineExceeded) ||
			err.Error() != "Not leader for metadata group" {
			t.Errorf("Apply() = %v", err)
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("Apply() took %v", waited)
		}
		if err := s.Barrier(t.Context()); !errors.Is(err, fault.NotController) { // its own patience
			t.Errorf("Barrier() = %v", err)
		}
		if waited := time.Since(began); waited != 31*time.Second {
			t.Errorf("both took %v", waited)
		}
	})
}

func TestApplyWaitsForALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &agreement{leader: -1}
		s := a.nodes(t, 1)[0]
		time.AfterFunc(5*time.Second, func() { a.set(func() { a.leader = 0 }) })
		allocate(t, s.Store)
	})
}

func TestCloseEndsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &agreement{leader: -1}
		s := a.nodes(t, 1)[0]
		errs := make(chan error, 2)
		go func() {
			_, err := s.Apply(t.Context(), oneID)
			errs <- err
		}()
		go func() { errs <- s.Barrier(t.Context()) }()
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
		for range 2 {
			if err := <-errs; !errors.Is(err, fault.NotController) || err.Error() != "the metadata store is closed" {
				t.Errorf("after Close: %v", err)
			}
		}
	})
}

// TestNoMoreProposalsAreUnderWayThanAWindowHolds: a command that is stuck delays those that are a window ahead of it.
func TestNoMoreProposalsAreUnderWayThanAWindowHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &agreement{leader: -1}
		s := a.nodes(t, 1)[0]
		var wg sync.WaitGroup
		for range windowSize + 50 {
			wg.Go(func() {
				if _, err := s.Apply(t.Context(), oneID); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		s.machine.waiters.mu.Lock()
		if got := s.machine.waiters.next; got != windowSize {
			t.Errorf("%d proposals are under way", got)
		}
		s.machine.waiters.mu.Unlock()
		a.set(func() { a.leader = 0 })
		wg.Wait()
		if got := s.Image().NextProducerID(); got != windowSize+50 {
			t.Errorf("%d ids were given", got)
		}
	})
}

// TestASnapshotTakesThePlaceOfEverything lets a node fall behind with a proposal of its own, which it then
// only learns of by a snapshot.
func TestASnapshotTakesThePlaceOfEverything(t *testing.T) {
	a := &agreement{}
	nodes := a.nodes(t, 2)
	allocate(t, nodes[0].Store)
	behind := a.replicas[1]
	a.set(func() { behind.lags = true })
	done := make(chan error)
	go func() {
		_, err := nodes[1].Apply(t.Context(), oneID)
		done <- err
	}()
	for img := range nodes[0].Watch(t.Context()) {
		if img.Index() >= 2 {
			break
		}
	}
	if err := nodes[0].ClaimVote(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.set(func() {
		write, err := a.replicas[0].machine.Snapshot()
		var stream bytes.Buffer
		if err == nil {
			err = write(&stream)
		}
		if err == nil {
			err = behind.machine.Restore(&stream)
		}
		if err != nil {
			t.Error(err)
		}
		behind.lags = false
	})
	if err := <-done; !errors.Is(err, fault.RequestTimedOut) {
		t.Errorf("Apply() = %v", err)
	}
	if diff := cmp.Diff(dump(t, nodes[0].Image()), dump(t, nodes[1].Image())); diff != "" {
		t.Errorf("the node that was behind (-other +it):\n%s", diff)
	}
	if diff := cmp.Diff(nodes[0].Voters(), nodes[1].Voters()); diff != "" || len(nodes[1].Voters()) != 1 {
		t.Errorf("voters (-other +it):\n%s", diff)
	}
	if got := allocate(t, nodes[1].Store); got.ProducerIDs.First != 2 {
		t.Errorf("then ids from %d", got.ProducerIDs.First)
	}
}

func TestAWipedNodeIsRefusedItsVote(t *testing.T) {
	a := &agreement{}
	nodes := a.nodes(t, 2)
	for range 2 {
		if err := nodes[1].ClaimVote(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if nodes[0].Voters()[1] != nodes[1].settings.Incarnation {
		t.Errorf("Voters() = %v", nodes[0].Voters())
	}
	wiped := settingsOf(1, 5)
	wiped.Incarnation[3]++
	if err := a.join(t, wiped, new(disk)).ClaimVote(t.Context()); !errors.Is(err, fault.InconsistentVoterSet) {
		t.Errorf("ClaimVote() of an empty node = %v", err)
	}
	_, err := Open(t.Context(), wiped, nodes[1].disk.open(t), a.start(1), discard())
	if !errors.Is(err, fault.InconsistentVoterSet) {
		t.Errorf("Open() with the metadata of before = %v", err)
	}
}

func TestMetadataOfABrokerAloneIsRefused(t *testing.T) {
	d := new(disk)
	alone := d.open(t)
	b := alone.Begin()
	if _, err := b.Apply(oneID); err != nil {
		t.Fatal(err)
	}
	if err := alone.Commit(b, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), settingsOf(0, 1), d.open(t), (&agreement{}).start(0), discard()); err == nil {
		t.Error("Open() takes it")
	}
}

func TestWhatANewerVersionWroteStopsTheNode(t *testing.T) {
	a := &agreement{}
	node := a.nodes(t, 1)[0]
	newer, err := encoding.Marshal(proposal{Version: proposalVersion + 1})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := proposal{Command: []byte{0xa0}}.encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range [][]byte{newer, unknown, []byte("x"), nil} {
		err := node.machine.Update(func(yield func(uint64, []byte) bool) { yield(1, entry) })
		if err == nil || node.machine.Applied() != 0 {
			t.Errorf("Update(%x) = %v, applied %d", entry, err, node.machine.Applied())
		}
	}
	note, err := encoding.Marshal(note{Version: noteVersion + 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), settingsOf(0, 1), (&disk{note: note}).open(t), a.start(0), discard()); err == nil {
		t.Error("Open() takes a newer note")
	}
}

func TestADiskErrorStopsTheNodeAndAcknowledgesNothing(t *testing.T) {
	a := &agreement{}
	node := a.nodes(t, 1)[0]
	node.disk.fails = errors.New("input/output error")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := node.Apply(ctx, oneID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Apply() = %v", err)
	}
	if err := node.machine.Sync(); !errors.Is(err, node.disk.fails) {
		t.Errorf("Sync() = %v", err)
	}
	if node.Image().Index() != 0 {
		t.Error("the image shows what is not durable")
	}
}

func TestANodeWithoutRoomProposesNothingThatTakesSpace(t *testing.T) {
	a := &agreement{}
	node := a.nodes(t, 1)[0]
	node.disk.full = errors.New("the disk is nearly full")
	topic := metadata.CreateTopic{Name: "orders", ID: metadata.TopicID{1}, Partitions: 1, ReplicationFactor: 1}
	if _, err := node.Apply(t.Context(), topic); !errors.Is(err, fault.KafkaStorageError) || len(a.entries) != 0 {
		t.Errorf("Apply() = %v, proposals: %d", err, len(a.entries))
	}
	if _, err := node.Apply(t.Context(), metadata.FenceBroker{ID: 1}); !errors.Is(err, fault.StaleBrokerEpoch) ||
		len(a.entries) != 1 {
		t.Errorf("a broker cannot be fenced: %v, proposals: %d", err, len(a.entries))
	}
	for _, cmd := range []metadata.Command{
		metadata.InitCluster{ClusterID: "cluster"}, metadata.RegisterBroker{ID: 1, Incarnation: [16]byte{1}},
	} {
		if _, err := node.Apply(t.Context(), cmd); err != nil {
			t.Errorf("a node cannot start: %T: %v", cmd, err)
		}
	}
}

// TestALongLogIsCommittedInParts: one update may hold more commands than one commit should.
func TestALongLogIsCommittedInParts(t *testing.T) {
	a := &agreement{}
	node := a.nodes(t, 1)[0]
	for n := range 1000 {
		if _, err := node.Apply(t.Context(), metadata.AlterConfigs{
			Type: metadata.ResourceGroup,
			Name: fmt.Sprint("group-", n),
			Set:  map[string]string{"consumer.session.timeout.ms": "50000"},
		}); err != nil {
			t.Fatal(err)
		}
	}
	late := a.join(t, settingsOf(1, 1), new(disk))
	if diff := cmp.Diff(dump(t, node.Image()), dump(t, late.Image())); diff != "" {
		t.Errorf("a node that applied all at once (-other +it):\n%s", diff)
	}
	if late.machine.Applied() != 1000 {
		t.Errorf("applied: %d", late.machine.Applied())
	}
}
