package metadata

import (
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// alterReassignment starts, replaces or cancels a reassignment (KIP-455). During a reassignment the target replicas
// come first in the partition's list and the replicas to be removed last. When all target replicas are in sync, the
// others are dropped; see transition.
func alterReassignment(img *Image, cmd AlterReassignment) (*Image, Result, error) {
	t, p, err := img.partitionOf(cmd.TopicID, cmd.Partition)
	if err != nil {
		return nil, Result{}, err
	}
	next, how := *p, electInSync
	if cmd.Replicas == nil {
		how = img.automatic(t)
		err = next.cancelReassignment(t.Name, cmd.Partition, how == electUnclean)
	} else {
		err = next.reassign(img, cmd.Replicas, cmd.KeepFactor)
	}
	if err != nil {
		return nil, Result{}, err
	}
	img, res, _ := img.change(t, cmd.Partition, next, how)
	return img, res, nil
}

// reassign begins to move the partition to these replicas. It replaces an ongoing reassignment.
func (p *Partition) reassign(img *Image, replicas []int32, keepFactor bool) error {
	if err := checkReplicas(img, replicas); err != nil {
		return err
	}
	if have := len(p.target()); keepFactor && have != len(replicas) {
		return fault.New(fault.InvalidReplicationFactor, "The replication factor is changed from %d to %d", have,
			len(replicas))
	}
	original := without(p.Replicas, p.Adding)
	removing := without(p.Replicas, replicas)
	slices.Sort(removing)
	all := slices.Concat(replicas, removing)
	adding := without(all, original)
	slices.Sort(adding)
	p.Replicas, p.Adding, p.Removing = all, adding, removing
	return nil
}

// cancelReassignment removes the replicas that the reassignment has added. With unclean, the remaining ones need not
// include one that is in sync.
func (p *Partition) cancelReassignment(topic string, index int32, unclean bool) error {
	if !p.Reassigning() {
		return fault.NoReassignmentInProgress
	}
	replicas, isr := without(p.Replicas, p.Adding), without(p.ISR, p.Adding)
	if len(replicas) == 0 {
		return fault.New(fault.InvalidReplicaAssignment,
			"Invalid replica assignment: addingReplicas contains all replicas.")
	}
	if len(isr) == 0 {
		if !unclean {
			return fault.New(fault.InvalidReplicaAssignment, "Unable to revert partition assignment for %s:%d "+
				"because it would require an unclean leader election.", topic, index)
		}
		isr = replicas[:1]
	}
	p.Replicas = replicas
	p.ISR = isr
	p.Adding = nil
	p.Removing = nil
	return nil
}
