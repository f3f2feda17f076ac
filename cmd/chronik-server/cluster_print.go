package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/chronik-stream/chronik/wiring"
)

// progress returns the line that is printed for an event.
func progress(e wiring.ClusterEvent) string {
	switch e := e.(type) {
	case wiring.NodeMayJoin:
		return fmt.Sprintf("node %d may join: start it with cluster.node_id = %d, cluster.join = true "+
			"and its raft address %s among the peers", e.Node, e.Node, e.RaftAddress)
	case wiring.AwaitingCluster:
		return fmt.Sprintf("waiting for the cluster: %v", e.Err)
	case wiring.AwaitingService:
		return fmt.Sprintf("waiting until node %d is in service", e.Node)
	case wiring.NodeInService:
		return fmt.Sprintf("node %d is in service", e.Node)
	case wiring.AwaitingReassignments:
		return "waiting for the reassignment of " + counted(e.Partitions, "partition") + " that others started"
	case wiring.PartitionsMoved:
		return fmt.Sprintf("moved %d of %s", e.Done, counted(e.All, "partition"))
	case wiring.MetadataLed:
		return fmt.Sprintf("node %d leads the metadata", e.Node)
	case wiring.AwaitingStop:
		return fmt.Sprintf("waiting until the node at %s has stopped", e.Address)
	case wiring.RemovalRepeated:
		return fmt.Sprintf("trying again: %v", e.Err)
	case wiring.NodeRemoved:
		return fmt.Sprintf("node %d is removed", e.Node)
	}
	return fmt.Sprintf("%+v", e)
}

// printStatus writes the status of a cluster.
func printStatus(w io.Writer, s *wiring.ClusterStatus) error {
	leader := fmt.Sprintf("led by node %d, epoch %d", s.MetadataLeader, s.MetadataEpoch)
	if s.MetadataLeader < 0 {
		leader = "without a leader"
	}
	fmt.Fprintf(w, "cluster %s, metadata %s\n\n", s.ClusterID, leader)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tADDRESS\tRACK\tSTATE\tQUORUM\tREPLICAS\tLEADS\tOUT OF SYNC")
	for _, n := range s.Nodes {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n",
			n.ID, cmp.Or(n.Address, "-"), cmp.Or(n.Rack, "-"), n.State, n.Quorum, n.Holds, n.Leads, n.Behind)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s, %s: %d without leader, %d under-replicated, %d being reassigned\n",
		counted(s.Topics, "topic"), counted(s.Partitions, "partition"), s.Leaderless, s.UnderReplicated, s.Reassigning)
	return err
}

// printAdded writes nothing: progress has been printed for each step.
func printAdded(io.Writer, *wiring.NodeAdded) error { return nil }

// printRemoved writes what happened to the partitions of a removed node.
func printRemoved(w io.Writer, r *wiring.NodeTakenOut) error {
	_, err := fmt.Fprintf(w, "%s moved off node %d\n", counted(len(r.Moves), "partition was", "partitions were"),
		r.Node)
	if len(r.Left) > 0 && err == nil {
		_, err = fmt.Fprintf(w, "%s no leader now, because only node %d had all records: %s.\n"+
			"Delete the topics, or let a replica that lags lead: kafka-leader-election --election-type UNCLEAN\n",
			counted(len(r.Left), "partition has", "partitions have"), r.Node, firstOf(r.Left))
	}
	return err
}

// printLeaders writes the changes of leaderships. The metadata's new leader has been printed as progress.
func printLeaders(w io.Writer, t *wiring.LeadersChanged) error {
	if len(t.Moves) == 0 && t.Elected == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "node %d leads the metadata, %s another leader\n",
		t.MetadataLeader, counted(t.Elected, "partition got", "partitions got"))
	return err
}

// printRebalanced writes the partitions that were moved, or would be.
func printRebalanced(w io.Writer, b *wiring.Rebalanced) error {
	if b.Dry {
		for _, m := range b.Moves {
			fmt.Fprintf(w, "%s-%d to %v\n", m.Topic, m.Partition, m.Replicas)
		}
		_, err := fmt.Fprintf(w, "%s would be moved\n", counted(len(b.Moves), "partition"))
		return err
	}
	_, err := fmt.Fprintf(w, "%s moved, %s elected\n", counted(len(b.Moves), "partition was", "partitions were"),
		counted(b.Elected, "preferred leader was", "preferred leaders were"))
	return err
}

// printUpgraded writes the versions before and after.
func printUpgraded(w io.Writer, u *wiring.Upgraded) (err error) {
	switch {
	case u.From == u.To:
		_, err = fmt.Fprintf(w, "the cluster writes in version %d, the newest that all its nodes can read\n", u.To)
	case u.Dry:
		_, err = fmt.Fprintf(w, "the cluster would be upgraded from version %d to version %d\n", u.From, u.To)
	default:
		_, err = fmt.Fprintf(w, "the cluster was upgraded from version %d to version %d\n", u.From, u.To)
	}
	return err
}

// counted returns a number with its noun: 1 topic, 3 topics. A plural that does not end in s is given as many.
func counted(n int, one string, many ...string) string {
	words := one + "s"
	switch {
	case n == 1:
		words = one
	case len(many) > 0:
		words = many[0]
	}
	return fmt.Sprintf("%d %s", n, words)
}

// firstOf returns the first few names, and the number of the others.
func firstOf(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
