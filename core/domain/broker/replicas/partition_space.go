package replicas

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// yieldPause is the shortest time between two resignations of a leader because its disk is full, unless there was space
// for some records in between. Without it, leadership would move from broker to broker when all disks are full.
const yieldPause = 4 * time.Minute

// room reserves space for size bytes that are to be appended. The error is fault.KafkaStorageError when there is none.
func (p *Partition) room(size int) error {
	err := p.space.take(useOf(p.topic), size)
	p.crowds(err != nil)
	return err
}

// crowds notes whether what this replica has to append was refused for want of space.
func (p *Partition) crowds(refused bool) {
	if refused != p.crowded.Load() {
		p.crowded.Store(refused)
	}
	if !refused && p.yielded.Load() != 0 {
		p.yielded.Store(0)
	}
}

// yields reports whether this replica should leave the ISR because there is no space for new records, and in which
// leader epoch this holds. A follower leaves when it cannot take what its leader has, a leader when the followers have
// all that it has.
func (p *Partition) yields() (epoch int32, ok bool) {
	if !p.crowded.Load() || !p.space.short(useOf(p.topic)) {
		return partition.NoEpoch, false
	}
	end, last := p.log.EndOffset(), time.Duration(p.yielded.Load())
	p.tail.Lock()
	defer p.tail.Unlock()
	if p.gone != nil {
		return partition.NoEpoch, false
	}
	_, epoch = p.replica.Leader()
	switch p.replica.Role() {
	case partition.RoleFollower:
		return epoch, p.replica.KeepsUp()
	case partition.RoleLeader:
		return epoch, p.replica.HighWatermark() >= end && (last == 0 || p.now()-last > yieldPause)
	default:
		return epoch, false
	}
}

// hasYielded records that this leader has left the ISR because there is no space.
func (p *Partition) hasYielded() { p.yielded.Store(int64(p.now())) }

// sizeOf returns the size of the batches in bytes.
func sizeOf(batches []record.Batch) (size int) {
	for _, b := range batches {
		size += len(b)
	}
	return size
}
