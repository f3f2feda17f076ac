package replicas

import (
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// yieldPause is how long a leader for whose records there is no space keeps its lead after it has given it up
// for that and was elected again, unless there was space for some meanwhile. Where all disks are full the
// lead would go round otherwise.
const yieldPause = 4 * time.Minute

// room counts size bytes that are to be appended. It is fault.KafkaStorageError when there is no space for them.
func (p *Partition) room(size int) error {
	err := p.space.take(useOf(p.topic), size)
	if short := err != nil; short != p.crowded.Load() {
		p.crowded.Store(short)
	}
	if err == nil && p.yielded.Load() != 0 {
		p.yielded.Store(0)
	}
	return err
}

// yields reports whether the other in-sync replicas should go on without this one, because there is no space for what
// is to be appended: a follower that lacks what its leader has, or a leader that has nothing that a follower lacks.
// That is so in this leader epoch.
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

// hasYielded notes that metadata has let the leader leave the ISR for want of space.
func (p *Partition) hasYielded() { p.yielded.Store(int64(p.now())) }

// sizeOf is how many bytes batches have.
func sizeOf(batches []record.Batch) (size int) {
	for _, b := range batches {
		size += len(b)
	}
	return size
}
