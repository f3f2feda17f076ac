package metadata

import "math"

// The steps by which a restored image's numbers are above those of the snapshot. They are larger than any count that
// can have been handed out after the snapshot, and small enough to allow many restores before the numbers run out.
const (
	restoreStep      = 1 << 40 // of commands, and so of broker epochs; of producer ids
	restoreEpochStep = 1 << 20 // of leader epochs and partition epochs
)

// AfterLoss returns the image with which a broker continues that has lost all commands after i. It hands out no number
// a second time that a lost command may have handed out: numbers of commands, broker epochs, producer ids, leader
// epochs and partition epochs. Topic ids are random and need no such care.
func (i *Image) AfterLoss() *Image {
	next := i.withPartitions(func(_ *Topic, p *Partition) (Partition, bool) {
		raised := *p
		raised.LeaderEpoch, raised.Version = raise(p.LeaderEpoch), raise(p.Version)
		return raised, true
	})
	next.changed = nil
	next.index += restoreStep
	next.nextProducerID = min(i.nextProducerID, math.MaxInt64-restoreStep) + restoreStep
	next.restored = true
	return next
}

func raise(epoch int32) int32 { return min(epoch, math.MaxInt32-restoreEpochStep) + restoreEpochStep }

// Restored reports whether the image, or one that it follows, was made by AfterLoss. Records on disk of topics that
// such an image does not know must not be deleted: the commands that created the topics may be lost.
func (i *Image) Restored() bool { return i.restored }
