package simulation

import (
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// batch is a record batch in a log. Records have unique ids, which are consecutive in a batch.
type batch struct {
	raw   record.Batch
	id    int64 // of the first record
	count int64
	base  int64
	epoch int32
	gone  uint8 // a bit for each record that was compacted away
}

func (b batch) next() int64 { return b.base + b.count }

// has reports whether the batch still holds its n-th record.
func (b batch) has(n int64) bool { return b.gone&(1<<n) == 0 }

// emptied reports whether no record is left.
func (b batch) emptied() bool { return b.gone == 1<<b.count-1 }

// keys is how many keys records have.
const keys = 5

// keyOf returns the key of a record for compaction.
func keyOf(id int64) int64 { return id % keys }

// disk is one node's log of the partition. Its last part may not be synced yet.
type disk struct {
	begin     int64
	tail      int64 // the log's end, which may be above that of the last batch
	batches   []batch
	synced    int64 // everything below survives a loss of power
	epochs    partition.Epochs
	producers *partition.Producers
}

func newDisk() *disk { return &disk{producers: new(partition.Producers)} }

func (d *disk) end() int64 { return d.tail }

func (d *disk) append(b batch) {
	d.batches = append(d.batches, b)
	d.tail = b.next()
	d.epochs.Assign(b.epoch, b.base)
	d.producers.Append(b.raw, 0)
}

// cut removes the records at to or above, and rebuilds the producers from the rest.
func (d *disk) cut(to int64) {
	to = max(to, d.begin)
	for n := len(d.batches); n > 0 && d.batches[n-1].next() > to; n-- {
		to = min(to, d.batches[n-1].base) // a batch is removed as a whole
		d.batches = d.batches[:n-1]
	}
	d.tail = min(d.tail, to)
	d.synced = min(d.synced, d.end())
	d.epochs.TruncateFrom(d.end())
	d.producers = new(partition.Producers)
	for _, b := range d.batches {
		d.producers.Append(b.raw, 0)
	}
}

// lose is cut by a loss of power. Above the last batch that is left, the log's end is lost as well unless it was
// synced.
func (d *disk) lose(to int64) {
	synced := d.synced
	d.cut(to)
	end := max(d.begin, min(synced, d.tail))
	if n := len(d.batches); n > 0 {
		end = max(end, d.batches[n-1].next())
	}
	d.cut(end)
}

// reset empties the log, which continues at an offset.
func (d *disk) reset(at int64) {
	*d = disk{begin: at, tail: at, synced: at, producers: new(partition.Producers)}
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

// compact removes records below upTo that are replaced by newer ones with the same key below upTo. The last batch
// stays, as the active segment does. The last batch of each producer below upTo and, if begins, the first one of each
// epoch stay as well, perhaps without records.
func (d *disk) compact(upTo int64, begins bool) {
	var newest [keys]int64
	last := map[int64]int64{} // of each producer, where its last batch begins
	n := 0
	for ; n+1 < len(d.batches) && d.batches[n].next() <= upTo; n++ {
		b := d.batches[n]
		for i := range b.count {
			if b.has(i) {
				newest[keyOf(b.id+i)] = b.base + i
			}
		}
		last[b.raw.ProducerID()] = b.base
	}
	kept := make([]batch, 0, len(d.batches))
	for at, b := range d.batches[:n] {
		for i := range b.count {
			if b.has(i) && newest[keyOf(b.id+i)] > b.base+i {
				b.gone |= 1 << i
			}
		}
		first := at == 0 || d.batches[at-1].epoch != b.epoch
		if !b.emptied() || first && begins || b.raw.HasProducerID() && last[b.raw.ProducerID()] == b.base {
			kept = append(kept, b)
		}
	}
	d.batches = append(kept, d.batches[n:]...)
}

// read returns at most limit whole batches: from the one that contains offset from to the last one that ends at upTo or
// below.
func (d *disk) read(from, upTo int64, limit int) []batch {
	var found []batch
	for _, b := range d.batches {
		if b.next() > from && b.next() <= upTo && len(found) < limit {
			found = append(found, b)
		}
	}
	return found
}

// at returns the record at offset and its epoch. ok is false when there is none, or it was compacted away.
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
			return entry{id: b.id + offset - b.base, epoch: b.epoch}, b.has(offset - b.base)
		}
	}
	return entry{}, false
}

// state returns what a replica needs to know of the log.
func (d *disk) state(durable int64) partition.LogState {
	return partition.LogState{Start: d.begin, End: d.end(), Durable: durable, Epochs: d.epochs.Entries()}
}
