package metadata

import "math"

// How far the numbers of a restored image lie behind those of the image that it is restored from: further than any that
// can have been given out after that was written, and so little of all there are that it can be done again and again.
const (
	restoreStep      = 1 << 40 // of commands, and so of broker epochs; of producer ids
	restoreEpochStep = 1 << 20 // of leader epochs and partition epochs
)

// AfterLoss returns the image from which a broker may go on that has lost all commands after i. What was
// given out by them is not given out again: numbers of commands, broker epochs, producer ids, leader
// epochs. Ids of topics are random.
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

// Restored reports whether the image goes back to one that AfterLoss has made: there may be records of topics that it
// does not know, which nobody has deleted.
func (i *Image) Restored() bool { return i.restored }
