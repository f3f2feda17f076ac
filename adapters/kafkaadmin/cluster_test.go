package kafkaadmin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaclient"
	"github.com/chronik-stream/chronik/adapters/internal/kafkatest"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// check compares what was done to a cluster, and the events, with what is wanted.
func (c *cluster) check(events *[]Event, wantDone []string, wantEvents []Event) {
	c.t.Helper()
	if diff := cmp.Diff(wantDone, c.done); diff != "" {
		c.t.Errorf("done to the cluster:\n%s", diff)
	}
	if diff := cmp.Diff(wantEvents, *events); diff != "" {
		c.t.Errorf("events:\n%s", diff)
	}
}

func TestAStatusShowsNodesAndPartitions(t *testing.T) {
	c := startCluster(t, 3)
	c.observers = []int32{4}
	c.topic("orders", []int32{1, 2}, []int32{2, 3}, []int32{3, 1})
	c.topic("alone", []int32{3})
	c.topic(metadata.MetaTopic, []int32{1, 2, 3})
	c.kill(3)
	c.targets[partition{"orders", 0}] = []int32{1, 3}
	a, events := c.admin()
	got, err := a.Status(soon(t), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := &Status{
		ClusterID:       "a-cluster",
		MetadataLeader:  1,
		MetadataEpoch:   5,
		Topics:          2,
		Partitions:      4,
		Leaderless:      1,
		UnderReplicated: 2,
		Reassigning:     1,
		Nodes: []Node{
			{ID: 1, Address: c.addresses[1], Rack: "rack-1", State: "in service", Quorum: "leader", Holds: 3, Leads: 3},
			{ID: 2, Address: c.addresses[2], Rack: "rack-0", State: "in service", Quorum: "voter", Holds: 3, Leads: 1},
			{ID: 3, Address: c.addresses[3], Rack: "rack-1", State: "fenced", Quorum: "voter", Holds: 4, Behind: 3},
			{ID: 4, State: "not registered", Quorum: "observer"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c.check(events, nil, nil)
}

func TestANodeIsAddedAndWaitedFor(t *testing.T) {
	c := startCluster(t, 3)
	a, events := c.admin()
	report := a.settings.Report
	a.settings.Report = func(e Event) {
		if report(e); e == (AwaitingService{4}) {
			go c.start(4)
		}
	}
	got, err := a.AddNode(soon(t), 4, "node4:9192", true)
	if err != nil || *got != (Added{Node: 4, InService: true}) {
		t.Errorf("AddNode() = %+v, %v", got, err)
	}
	c.check(events, []string{"node 4 joins at node4:9192"},
		[]Event{NodeMayJoin{4, "node4:9192"}, AwaitingService{4}, NodeInService{4}})
	if _, err := a.AddNode(soon(t), 4, "node4:9192", false); !errors.Is(err, kerr.DuplicateVoter) ||
		!strings.Contains(err.Error(), "it is here already") {
		t.Errorf("a second AddNode() = %v", err)
	}
	if got, err := a.AddNode(soon(t), 5, "node5:9192", false); err != nil || got.InService {
		t.Errorf("without waiting, AddNode() = %+v, %v", got, err)
	}
}

func TestARaftAddressIsCheckedBeforeAnythingIsAsked(t *testing.T) {
	for _, address := range []string{"", "node4", "node4:", "node4:0", "node4:70000", ":9192", "node4:raft"} {
		if _, err := quick().AddNode(t.Context(), 4, address, false); err == nil ||
			!strings.Contains(err.Error(), "raft address") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestANodeIsEmptiedBeforeItIsRemoved(t *testing.T) {
	c := startCluster(t, 4)
	c.topic("a", []int32{4, 1})
	c.topic("b", []int32{1, 4}, []int32{2, 3})
	c.leader = 4
	a, events := c.admin()
	got, err := a.RemoveNode(soon(t), 4, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.Node != 4 || len(got.Moves) != 2 || len(got.Left) != 0 {
		t.Errorf("RemoveNode() = %+v", got)
	}
	for at, p := range c.partitions {
		if slices.Contains(p.Replicas, 4) || len(p.Replicas) != 2 {
			t.Errorf("%s is at %v", at, p.Replicas)
		}
	}
	address := "" // of the node that has stopped
	for _, e := range *events {
		if stop, ok := e.(AwaitingStop); ok {
			address = stop.Address
		}
	}
	moves := slices.DeleteFunc(slices.Clone(c.done), func(s string) bool { return !strings.HasPrefix(s, "move ") })
	slices.Sort(moves)
	c.done = slices.DeleteFunc(c.done, func(s string) bool { return strings.HasPrefix(s, "move ") })
	if len(moves) != 2 || !strings.HasPrefix(moves[0], "move a-0 to ") || !strings.HasPrefix(moves[1], "move b-0 to ") {
		t.Errorf("moves: %q", moves)
	}
	c.check(events, []string{"node 1 leads the metadata", "broker 4 is unregistered", "node 4 leaves"},
		[]Event{PartitionsMoved{2, 2}, MetadataLed{1}, AwaitingStop{address}, NodeRemoved{4}})
}

func TestARemovalIsRepeatedWhenATopicIsCreatedMeanwhile(t *testing.T) {
	c := startCluster(t, 4)
	c.topic("a", []int32{4, 1})
	a, events := c.admin()
	report := a.settings.Report
	a.settings.Report = func(e Event) {
		if report(e); e == (PartitionsMoved{1, 1}) && c.partitions[partition{"late", 0}] == nil {
			c.mu.Lock()
			c.topic("late", []int32{4, 2})
			c.mu.Unlock()
		}
	}
	got, err := a.RemoveNode(soon(t), 4, false)
	if err != nil || len(got.Moves) != 2 {
		t.Fatalf("RemoveNode() = %+v, %v", got, err)
	}
	if !slices.ContainsFunc(*events, func(e Event) bool {
		again, ok := e.(RemovalRepeated)
		return ok && strings.Contains(again.Err.Error(), "the broker holds late-0")
	}) {
		t.Errorf("events: %+v", *events)
	}
	if got := c.done[len(c.done)-2:]; !slices.Equal(got, []string{"broker 4 is unregistered", "node 4 leaves"}) {
		t.Errorf("done at the end: %q", got)
	}
}

func TestWhatMustNotBeRemovedIsNot(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*cluster)
		node    int32
		force   bool
		want    string
	}{
		"a node that nobody knows":     {func(*cluster) {}, 9, true, "the cluster has no node 9"},
		"a dead node":                  {func(c *cluster) { c.kill(3) }, 3, false, "node 3 is not in service: start it"},
		"a node that a majority needs": {func(c *cluster) { c.kill(3) }, 2, true, "which is no majority"},
		"a node with the only replica": {
			func(c *cluster) { c.topic("a", []int32{1, 2, 3}) }, 3, false,
			"no other broker is left to hold a replica of a-0",
		},
		"a dead node with all there was": {
			func(c *cluster) { c.topic("a", []int32{3}); c.kill(3) }, 3, false,
			"node 3 is not in service",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := startCluster(t, 3)
			c.prepare(cluster)
			a, events := cluster.admin()
			if _, err := a.RemoveNode(soon(t), c.node, c.force); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("RemoveNode() = %v", err)
			}
			cluster.check(events, nil, nil)
		})
	}
}

func TestADeadNodeIsReplaced(t *testing.T) {
	c := startCluster(t, 3)
	c.topic("a", []int32{1, 3}, []int32{3, 2})
	c.topic("lost", []int32{3})
	c.kill(3)
	a, events := c.admin()
	report := a.settings.Report
	a.settings.Report = func(e Event) {
		if report(e); e == (AwaitingService{4}) {
			go c.start(4)
		}
	}
	if _, err := a.ReplaceNode(soon(t), 3, 4, "node4:9192", false); err == nil ||
		!strings.Contains(err.Error(), "only node 3 has all of lost-0") {
		t.Errorf("without force, ReplaceNode() = %v", err)
	}
	got, err := a.ReplaceNode(soon(t), 3, 4, "node4:9192", true)
	if err != nil || got.Node != 3 || len(got.Moves) != 2 || !slices.Equal(got.Left, []string{"lost-0"}) {
		t.Fatalf("ReplaceNode() = %+v, %v", got, err)
	}
	first := c.partitions[partition{"a", 0}].Replicas
	second := c.partitions[partition{"a", 1}].Replicas
	if !slices.Equal(first, []int32{1, 4}) || !slices.Contains(second, 4) || !slices.Contains(second, 2) {
		t.Errorf("replicas are at %v and %v", first, second)
	}
	c.check(events, []string{
		"node 4 joins at node4:9192", "move a-0 to [1 4]", "move a-1 to " + c.done[2][len("move a-1 to "):],
		"broker 3 is unregistered", "node 3 leaves",
	}, []Event{NodeMayJoin{4, "node4:9192"}, AwaitingService{4}, NodeInService{4}, PartitionsMoved{2, 2}, NodeRemoved{3}})
}

func TestTheMetadataIsLedByTheNodeThatIsAsked(t *testing.T) {
	c := startCluster(t, 3)
	c.codes[kmsg.ElectLeaders] = []int16{kerr.NotController.Code}
	a, events := c.admin()
	got, err := a.TransferLeadership(soon(t), 2)
	if err != nil || got.MetadataLeader != 2 || c.leader != 2 {
		t.Errorf("TransferLeadership() = %+v, %v", got, err)
	}
	if _, err := a.TransferLeadership(soon(t), 2); err != nil { // it does
		t.Error(err)
	}
	c.check(events, []string{"node 2 leads the metadata"}, []Event{MetadataLed{2}})
	if _, err := a.TransferLeadership(soon(t), 7); err == nil {
		t.Error("a node that is not there leads the metadata")
	}
}

func TestANodeIsDrainedOfLeaderships(t *testing.T) {
	c := startCluster(t, 3)
	c.topic("a", []int32{1, 2}, []int32{2, 1}, []int32{1})
	a, events := c.admin()
	got, err := a.DrainLeadership(soon(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := &Transferred{MetadataLeader: 2, Elected: 1, Moves: []Move{{Topic: "a", Partition: 0, Replicas: []int32{2, 1}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	c.check(events, []string{"node 2 leads the metadata", "move a-0 to [2 1]", "node 2 leads a-0"},
		[]Event{MetadataLed{2}, PartitionsMoved{1, 1}})
}

func TestATopicThatIsDeletedMeanwhileNeedsNoLeader(t *testing.T) {
	c := startCluster(t, 2)
	c.topic("a", []int32{1, 2})
	c.topic("b", []int32{1, 2})
	c.deleted = "b"
	a, _ := c.admin()
	got, err := a.DrainLeadership(soon(t), 1)
	if err != nil || got.Elected != 1 {
		t.Errorf("DrainLeadership() = %+v, %v", got, err)
	}
}

func TestTheLoadIsSpreadAfterADryRun(t *testing.T) {
	c := startCluster(t, 2)
	c.topic("a", []int32{1}, []int32{1}, []int32{1}, []int32{1})
	a, events := c.admin()
	plan, err := a.Rebalance(soon(t), true)
	if err != nil || !plan.Dry || len(plan.Moves) != 2 || len(c.done) > 0 {
		t.Fatalf("a dry Rebalance() = %+v, %v; done: %q", plan, err, c.done)
	}
	c.targets[partition{"a", 0}] = []int32{1} // somebody else's
	got, err := a.Rebalance(soon(t), false)
	if err != nil || got.Dry ||
		!slices.EqualFunc(got.Moves, plan.Moves,
			func(x, y Move) bool { return x.Topic == y.Topic && x.Partition == y.Partition }) {
		t.Errorf("Rebalance() = %+v, %v, planned %+v", got, err, plan.Moves)
	}
	led := map[int32]int{}
	for _, p := range c.partitions {
		led[p.Leader]++
	}
	if led[1] != 2 || led[2] != 2 {
		t.Errorf("led: %v", led)
	}
	if diff := cmp.Diff([]Event{AwaitingReassignments{1}, PartitionsMoved{2, 2}}, *events); diff != "" {
		t.Errorf("events:\n%s", diff)
	}
}

func TestAMoveThatIsNotDoneInTimeGoesOn(t *testing.T) {
	c := startCluster(t, 2)
	c.topic("a", []int32{1}, []int32{1})
	a, _ := c.admin()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(soon(t))
	a.interval = 0
	c.polls[partition{"a", 0}], c.polls[partition{"a", 1}] = -1<<30, -1<<30 // it takes for ever
	a.settings.Report = nil
	go func() {
		for moving := false; !moving; {
			c.mu.Lock()
			moving = len(c.targets) > 0
			c.mu.Unlock()
		}
		cancel(enough)
	}()
	if _, err := a.Rebalance(ctx, false); !errors.Is(err, enough) {
		t.Errorf("Rebalance() = %v", err)
	}
}

func TestAnUpgradeGoesAsFarAsEveryNodeCan(t *testing.T) {
	c := startCluster(t, 3)
	a, events := c.admin()
	c.newest[2] = 2
	if got, err := a.Upgrade(soon(t), false); err != nil || *got != (Upgraded{From: 2, To: 2}) {
		t.Errorf("with an old node, Upgrade() = %+v, %v", got, err)
	}
	c.newest[2] = 4
	if got, err := a.Upgrade(soon(t), true); err != nil || *got != (Upgraded{From: 2, To: 3, Dry: true}) {
		t.Errorf("a dry Upgrade() = %+v, %v", got, err)
	}
	c.check(events, nil, nil)
	c.codes[kmsg.UpdateFeatures] = []int16{kerr.NotController.Code, kerr.RequestTimedOut.Code}
	if got, err := a.Upgrade(soon(t), false); err != nil || *got != (Upgraded{From: 2, To: 3}) {
		t.Errorf("Upgrade() = %+v, %v", got, err)
	}
	c.check(events, []string{"level 3 of " + metadata.VersionFeature}, nil)
	c.codes[kmsg.UpdateFeatures], c.newest = []int16{kerr.FeatureUpdateFailed.Code}, map[int32]int16{1: 5, 2: 5, 3: 5}
	if _, err := a.Upgrade(soon(t), false); !errors.Is(err, kerr.FeatureUpdateFailed) ||
		!strings.Contains(err.Error(), "upgrade to version 5") {
		t.Errorf("an Upgrade() that is refused = %v", err)
	}
}

func TestQuestionsAreAskedAgainWhileTheMetadataHasNoLeader(t *testing.T) {
	c := startCluster(t, 3)
	for _, key := range []kmsg.Key{kmsg.DescribeCluster, kmsg.DescribeQuorum, kmsg.ListPartitionReassignments} {
		c.codes[key] = []int16{kerr.NotController.Code, kerr.RequestTimedOut.Code}
	}
	a, _ := c.admin()
	if s, err := a.Status(soon(t), time.Minute); err != nil || len(s.Nodes) != 3 {
		t.Errorf("Status() = %+v, %v", s, err)
	}
	c.codes[kmsg.DescribeQuorum] = []int16{kerr.ClusterAuthorizationFailed.Code}
	if _, err := a.Status(soon(t), time.Minute); !errors.Is(err, kerr.ClusterAuthorizationFailed) {
		t.Errorf("when it is refused, Status() = %v", err)
	}
}

func TestAnotherNodeIsAskedWhenOneIsGone(t *testing.T) {
	c := startCluster(t, 3)
	a, _ := c.admin()
	if _, err := a.Status(soon(t), time.Minute); err != nil {
		t.Fatal(err)
	}
	c.kill(1)
	s, err := a.Status(soon(t), time.Minute)
	if err != nil || s.Nodes[0].State != "fenced" {
		t.Errorf("Status() = %+v, %v", s, err)
	}
}

func TestABrokerThatIsAloneHasNoNodes(t *testing.T) {
	alone := kafkatest.Start(t, nil, func(req kmsg.Request) kmsg.Response { return kafkatest.Versions() })
	a := New(Settings{Bootstrap: []string{alone.Address()}})
	defer a.Close()
	if _, err := a.AddNode(soon(t), 2, "localhost:9193", false); !errors.Is(err, kafkaclient.ErrNotServed) ||
		!strings.Contains(err.Error(), "it is no node of a cluster") {
		t.Errorf("AddNode() = %v", err)
	}
}
