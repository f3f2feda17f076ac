package kafkaadmin

import (
	"fmt"
	"io"
)

// Print writes what was done for people.
func (a *Added) Print(io.Writer) error { return nil } // it was told along the way

// Print writes what was done for people.
func (r *Removed) Print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d partitions were moved off node %d\n", len(r.Moves), r.Node)
	if len(r.Left) > 0 && err == nil {
		_, err = fmt.Fprintf(w, "%d partitions had all their records on node %d only, and have no leader: %s.\n"+
			"Delete their topics, or let a replica that lags lead them: kafka-leader-election --election-type UNCLEAN\n", len(r.Left), r.Node, some(r.Left))
	}
	return err
}

// Print writes what was done for people.
func (t *Transferred) Print(w io.Writer) error {
	if len(t.Moves) == 0 && t.Elected == 0 {
		return nil // it was told along the way
	}
	_, err := fmt.Fprintf(w, "node %d leads the metadata, %d partitions got another leader\n", t.MetadataLeader, t.Elected)
	return err
}

// Print writes what was done for people.
func (b *Balanced) Print(w io.Writer) error {
	if b.Dry {
		for _, m := range b.Moves {
			fmt.Fprintf(w, "%s to %v\n", partition{m.Topic, m.Partition}, m.Replicas)
		}
		_, err := fmt.Fprintf(w, "%d partitions would be moved\n", len(b.Moves))
		return err
	}
	_, err := fmt.Fprintf(w, "%d partitions were moved, %d got another leader\n", len(b.Moves), b.Elected)
	return err
}
