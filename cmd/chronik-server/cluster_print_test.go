package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/wiring"
)

func TestOutcomesArePrintedForPeople(t *testing.T) {
	moves := []wiring.PartitionMove{
		{Topic: "orders", Partition: 3, Replicas: []int32{1, 2}}, {Topic: "logs", Replicas: []int32{2}},
	}
	for name, c := range map[string]struct {
		show func(io.Writer) error
		want string
	}{
		"a status": {
			func(w io.Writer) error {
				return printStatus(w, &wiring.ClusterStatus{
					ClusterID: "c", MetadataLeader: 1, MetadataEpoch: 4, Topics: 2, Partitions: 9, Leaderless: 1,
					Nodes: []wiring.ClusterNode{
						{
							ID: 1, Address: "a:9092", Rack: "r", State: "in service", Quorum: "leader", Holds: 9,
							Leads: 8, Behind: 1,
						},
						{ID: 22, State: "not registered", Quorum: "observer"},
					},
				})
			},
			`cluster c, metadata led by node 1, epoch 4

NODE  ADDRESS  RACK  STATE           QUORUM    REPLICAS  LEADS  OUT OF SYNC
1     a:9092   r     in service      leader    9         8      1
22    -        -     not registered  observer  0         0      0

2 topics, 9 partitions: 1 without leader, 0 under-replicated, 0 being reassigned
`,
		},
		"a status without a leader": {
			func(w io.Writer) error {
				return printStatus(w,
					&wiring.ClusterStatus{ClusterID: "c", MetadataLeader: -1, Topics: 1, Partitions: 1})
			},
			`cluster c, metadata without a leader

NODE  ADDRESS  RACK  STATE  QUORUM  REPLICAS  LEADS  OUT OF SYNC

1 topic, 1 partition: 0 without leader, 0 under-replicated, 0 being reassigned
`,
		},
		"a node added": {func(w io.Writer) error { return printAdded(w, &wiring.NodeAdded{Node: 4}) }, ""},
		"a node removed": {
			func(w io.Writer) error { return printRemoved(w, &wiring.NodeTakenOut{Node: 3, Moves: moves}) },
			"2 partitions were moved off node 3\n",
		},
		"a lost node removed": {
			func(w io.Writer) error {
				return printRemoved(w,
					&wiring.NodeTakenOut{
						Node: 3, Moves: moves[:1], Left: []string{"a-0", "a-1", "a-2", "b-0", "b-1", "b-2", "b-3"},
					})
			},
			`1 partition was moved off node 3
7 partitions have no leader now, because only node 3 had all records: a-0, a-1, a-2, b-0, b-1 and 2 more.
Delete the topics, or let a replica that lags lead: kafka-leader-election --election-type UNCLEAN
`,
		},
		"the metadata led by another": {
			func(w io.Writer) error { return printLeaders(w, &wiring.LeadersChanged{MetadataLeader: 2}) }, "",
		},
		"a node drained": {
			func(w io.Writer) error {
				return printLeaders(w, &wiring.LeadersChanged{MetadataLeader: 2, Elected: 1, Moves: moves})
			},
			"node 2 leads the metadata, 1 partition got another leader\n",
		},
		"a plan": {
			func(w io.Writer) error { return printRebalanced(w, &wiring.Rebalanced{Dry: true, Moves: moves}) },
			"orders-3 to [1 2]\nlogs-0 to [2]\n2 partitions would be moved\n",
		},
		"a load spread": {
			func(w io.Writer) error { return printRebalanced(w, &wiring.Rebalanced{Moves: moves, Elected: 1}) },
			"2 partitions were moved, 1 preferred leader was elected\n",
		},
		"nothing to upgrade": {
			func(w io.Writer) error { return printUpgraded(w, &wiring.Upgraded{From: 3, To: 3}) },
			"the cluster writes in version 3, the newest that all its nodes can read\n",
		},
		"an upgrade that would be": {
			func(w io.Writer) error { return printUpgraded(w, &wiring.Upgraded{From: 2, To: 3, Dry: true}) },
			"the cluster would be upgraded from version 2 to version 3\n",
		},
		"an upgrade": {
			func(w io.Writer) error { return printUpgraded(w, &wiring.Upgraded{From: 2, To: 3}) },
			"the cluster was upgraded from version 2 to version 3\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := c.show(&out); err != nil || out.String() != c.want {
				t.Errorf("%v, got:\n%s", err, out.String())
			}
		})
	}
}

func TestProgressIsTold(t *testing.T) {
	for want, e := range map[string]wiring.ClusterEvent{
		"node 4 may join: start it with cluster.node_id = 4, cluster.join = true " +
			"and its raft address n:9 among the peers": wiring.NodeMayJoin{Node: 4, RaftAddress: "n:9"},
		"waiting for the cluster: no leader": wiring.AwaitingCluster{
			Err: errors.New("no leader"),
		},
		"waiting until node 4 is in service":                              wiring.AwaitingService{Node: 4},
		"node 4 is in service":                                            wiring.NodeInService{Node: 4},
		"waiting for the reassignment of 1 partition that others started": wiring.AwaitingReassignments{Partitions: 1},
		"moved 1 of 2 partitions":                                         wiring.PartitionsMoved{Done: 1, All: 2},
		"node 4 leads the metadata":                                       wiring.MetadataLed{Node: 4},
		"waiting until the node at n:9 has stopped":                       wiring.AwaitingStop{Address: "n:9"},
		"trying again: there is a replica left": wiring.RemovalRepeated{
			Err: errors.New("there is a replica left"),
		},
		"node 4 is removed": wiring.NodeRemoved{Node: 4},
	} {
		if got := progress(e); got != want {
			t.Errorf("%T: %s", e, got)
		}
	}
}
