package simulation

import (
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// batch is a record batch in a log. Records are told apart by their ids, which follow one another in a batch.
type batch struct {
	raw   record.Batch
	id    int64 // of the first record
	count int64
	base  int64
	epoch int32
}

func (b batch) next() int64 { return b.base + b.count }

// disk is what one node has of the partition: a log whose last part may not be synced yet.
type disk struct {
	begin     int64
	batches   []batch
	synced    int64 // below this it survives a loss of power
	epochs    partition.Epochs
	producers *partition.Producers
}

func newDisk() *disk { return &disk{producers: new(partition.Producers)} }

func (d *disk) end() int64 {
	if n := len(d.batches); n > 0 {
		return d.batches[n-1].next()
	}
	return d.begin
}

func (d *disk) append(b batch) {
	d.batches = append(d.batches, b)
	d.epochs.Assign(b.epoch, b.base)
	d.producers.Append(b.raw, 0)
}

// cut removes what lies at to or above, and reads the rest anew.
func (d *disk) cut(to int64) {
	for len(d.batches) > 0 && d.batches[len(d.batches)-1].next() > to {
		d.batches = d.batches[:len(d.batches)-1]
	}
	d.synced = min(d.synced, d.end())
	d.epochs.TruncateFrom(d.end())
	d.producers = new(partition.Producers)
	for _, b := range d.batches {
		d.producers.Append(b.raw, 0)
	}
}

// reset begins the log anew at an offset.
func (d *disk) reset(at int64) {
	*d = disk{begin: at, synced: at, producers: new(partition.Producers)}
}

// raiseStart deletes whole batches below start.
func (d *disk) raiseStart(start int64) {
	n := 0
	for n < len(d.batches) && d.batches[n].next() <= start {
		n++
	}
	if n == 0 {
		return
	}
	d.begin = d.batches[n-1].next()
	d.batches = append([]batch(nil), d.batches[n:]...)
	d.epochs.TruncateTo(d.begin)
}

// read returns whole batches from offset from on that end at upTo or below, max of them.
func (d *disk) read(from, upTo int64, limit int) []batch {
	var found []batch
	for _, b := range d.batches {
		if b.base >= from && b.next() <= upTo && len(found) < limit {
			found = append(found, b)
		}
	}
	return found
}

// at returns the record at offset and its epoch.
func (d *disk) at(offset int64) (found entry, ok bool) {
	low, high := 0, len(d.batches)
	for low < high {
		mid := (low + high) / 2
		switch b := &d.batches[mid]; {
		case offset < b.base:
			high = mid
		case offset >= b.next():
			low = mid + 1
		default:
			return entry{id: b.id + offset - b.base, epoch: b.epoch}, true
		}
	}
	return entry{}, false
}

// state is what a replica has to know of the log.
func (d *disk) state(durable int64) partition.LogState {
	return partition.LogState{Start: d.begin, End: d.end(), Durable: durable, Epochs: d.epochs.Entries()}
}
