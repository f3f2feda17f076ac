package partition

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// Window is how many of its last batches are remembered for each producer (KIP-98; the constant NUM_BATCHES_TO_RETAIN
// of Kafka's ProducerStateEntry).
const Window = 5

// noEpoch is the epoch of an unknown producer.
const noEpoch = -1

// Producers remembers a partition's idempotent producers and their open transactions. It takes about 200 bytes per
// producer. The zero Producers is empty, and its memory is not bounded. It is not safe for concurrent use.
type Producers struct {
	known  *idleList       // nil for none: there are many partitions, and most have no idempotent producer
	memory *ProducerMemory // nil for no bound
	open   []openTxn       // by offset
}

// CountIn counts the producers in memory from now on. When memory is used up, a new producer replaces the one that has
// been idle for longest in this partition.
func (p *Producers) CountIn(memory *ProducerMemory) {
	p.memory = memory
	memory.count(p.Len())
	for memory.over() && p.Len() > alwaysRemembered && p.forgetIdlest() {
	}
}

// Appended is one batch that a producer has appended.
type Appended struct {
	FirstSequence, LastSequence int32
	FirstOffset, LastOffset     int64
	Timestamp                   int64 // the batch's max timestamp, milliseconds
}

// Producer is the state of one producer.
type Producer struct {
	ID               int64
	Epoch            int16
	Batches          []Appended // oldest first, at most Window
	Contiguous       int32      // number of its last records whose sequences are known to be contiguous
	LastTimestamp    int64      // wall clock of the last append, milliseconds
	CoordinatorEpoch int32      // of the last transaction marker, -1 for none
	TxnFirstOffset   int64      // first offset of the open transaction, -1 for none
}

// producer is a compact Producer.
type producer struct {
	id               int64
	batches          [Window]appended // oldest first
	lastTimestamp    int64
	txnFirstOffset   int64
	coordinatorEpoch int32
	contiguous       int32
	epoch            int16
	count            uint8     // of batches
	older, newer     *producer // neighbours in the idleList
}

// appended is a compact Appended.
type appended struct {
	lastOffset   int64
	timestamp    int64
	lastSequence int32
	delta        int32 // from the first offset to the last, and so from the first sequence to the last
}

// Check decides whether b may be appended. dup is not nil when the same batch was appended before; the producer then
// gets the old offset.
//
// A duplicate may be older than the last Window batches, where Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER. Then its
// offset is not remembered: dup.FirstOffset is -1, and the batch ended at dup.LastOffset or before. This happens when a
// producer has more than Window batches in flight and the leader changes: the new leader has appended later batches
// before it gets those again that the old leader has not answered.
//
// As in Kafka 4, an unknown producer may begin with any sequence (see StartsAmid), and a new epoch must begin with
// sequence 0. A batch without a producer id is always allowed. The sequence of a batch that has none, which only
// coordinators write, is not checked.
//
// Errors: fault.OutOfOrderSequence; fault.InvalidProducerEpoch for an epoch below the newest known one;
// fault.InvalidTxnState for a batch outside of the producer's open transaction; and for transaction markers
// fault.TransactionCoordinatorFenced and fault.InvalidRecord.
func (p *Producers) Check(b record.Batch) (dup *Appended, err error) {
	if !b.HasProducerID() {
		return nil, nil
	}
	marker, isMarker, err := b.EndTxn()
	if err != nil {
		return nil, err
	}
	known := p.known.find(b.ProducerID())
	if known == nil {
		return nil, nil
	}
	if dup := known.find(b); dup != nil {
		return dup, nil
	}
	if b.ProducerEpoch() < known.epoch {
		return nil, fault.New(fault.InvalidProducerEpoch,
			"Epoch of producer %d is %d, which is smaller than the last seen epoch %d", b.ProducerID(), b.ProducerEpoch(),
			known.epoch)
	}
	switch {
	case isMarker && marker.CoordinatorEpoch < known.coordinatorEpoch:
		return nil, fault.New(fault.TransactionCoordinatorFenced,
			"Invalid coordinator epoch for producerId %d: %d (zombie), %d (current)", b.ProducerID(), marker.CoordinatorEpoch,
			known.coordinatorEpoch)
	case b.Control():
		return nil, nil
	}
	if known.appendedBefore(b) {
		return &Appended{
			FirstSequence: b.BaseSequence(), LastSequence: b.LastSequence(),
			FirstOffset: -1, LastOffset: known.batches[0].firstOffset() - 1, Timestamp: record.NoTimestamp,
		}, nil
	}
	if err := known.checkSequence(b); err != nil {
		return nil, err
	}
	if known.txnFirstOffset >= 0 && !b.Transactional() {
		return nil, fault.New(fault.InvalidTxnState, "Expected transactional write from producer %d", b.ProducerID())
	}
	return nil, nil
}

// StartsAmid reports whether b would be the first known batch of its producer, but is not the first one that the
// producer has made: its sequence is not 0. The producer was forgotten, or the batches before are still to come.
func (p *Producers) StartsAmid(b record.Batch) bool {
	return b.HasProducerID() && !b.Control() && b.BaseSequence() > 0 && p.known.find(b.ProducerID()) == nil
}

// find returns the remembered batch with b's epoch and sequences, nil when there is none.
func (p *producer) find(b record.Batch) *Appended {
	if b.ProducerEpoch() != p.epoch || b.BaseSequence() == record.NoSequence {
		return nil
	}
	last, delta := b.LastSequence(), b.LastOffsetDelta()
	for _, a := range p.batches[:p.count] {
		if a.lastSequence == last && a.delta == delta {
			full := a.full()
			return &full
		}
	}
	return nil
}

// appendedBefore reports whether b's sequences were appended before the remembered batches.
func (p *producer) appendedBefore(b record.Batch) bool {
	if b.ProducerEpoch() != p.epoch || b.BaseSequence() == record.NoSequence || p.count == 0 {
		return false
	}
	oldest, last := p.batches[0], p.last().lastSequence
	if oldest.lastSequence == record.NoSequence {
		return false
	}
	behind := record.SubSequence(last, b.LastSequence())
	remembered := record.SubSequence(last, oldest.firstSequence()) + 1
	return behind >= remembered && int64(behind)+int64(b.LastOffsetDelta())+1 <= int64(p.contiguous)
}

// checkSequence checks that b's sequence follows the producer's last one.
func (p *producer) checkSequence(b record.Batch) error {
	seq := b.BaseSequence()
	if seq == record.NoSequence || p.epoch == noEpoch {
		return nil
	}
	if b.ProducerEpoch() != p.epoch {
		if seq != 0 {
			return fault.New(
				fault.OutOfOrderSequence,
				"Invalid sequence number for new epoch of producer %d: "+
					"%d (request epoch), %d (seq. number), %d (current producer epoch)",
				b.ProducerID(), b.ProducerEpoch(), seq, p.epoch,
			)
		}
		return nil
	}
	last := int32(record.NoSequence)
	if p.count > 0 {
		last = p.last().lastSequence
	}
	if int64(seq) == int64(last)+1 || seq == 0 && last == math.MaxInt32 {
		return nil
	}
	return fault.New(fault.OutOfOrderSequence,
		"Out of order sequence number for producer %d: %d (incoming seq. number), %d (current end sequence number)",
		b.ProducerID(), seq, last)
}

// Append records that b, with its offsets set, was appended at wall clock now (milliseconds). It checks nothing: what
// is in the log is right. ended is true when b is the marker that ends an open transaction, which is returned for the
// transaction index.
func (p *Producers) Append(b record.Batch, now int64) (txn EndedTxn, ended bool) {
	if !b.HasProducerID() {
		return txn, false
	}
	if b.Control() {
		marker, ok, err := b.EndTxn()
		if err != nil || !ok { // ignored: replaying a log must not fail here
			return txn, false
		}
		return p.end(b, marker, now)
	}
	known := p.enter(b, now)
	known.contiguous = known.contiguousWith(b)
	if int(known.count) == Window {
		copy(known.batches[:], known.batches[1:])
		known.count--
	}
	known.batches[known.count] = appended{
		lastOffset: b.LastOffset(), timestamp: b.MaxTimestamp(),
		lastSequence: b.LastSequence(), delta: b.LastOffsetDelta(),
	}
	known.count++
	if b.Transactional() && known.txnFirstOffset < 0 {
		known.txnFirstOffset = b.BaseOffset()
		p.begin(b.ProducerID(), b.BaseOffset())
	}
	return txn, false
}

// mostContiguous bounds Producer.Contiguous. It is well below the number of sequences.
const mostContiguous = 1 << 30

// contiguousWith returns the number of contiguous records when b is the next batch.
func (p *producer) contiguousWith(b record.Batch) int32 {
	n := b.LastOffsetDelta() + 1
	switch {
	case b.BaseSequence() == record.NoSequence:
		return 0
	case p.count > 0 && record.AddSequence(p.last().lastSequence, 1) == b.BaseSequence():
		return int32(min(int64(p.contiguous)+int64(n), mostContiguous))
	}
	return n
}

// last returns the newest batch of a producer that has one.
func (p *producer) last() appended { return p.batches[p.count-1] }

// enter returns b's producer, which it adds if it is unknown, and updates its epoch. A new epoch drops the batches of
// the old one.
func (p *Producers) enter(b record.Batch, now int64) *producer {
	known := p.known.find(b.ProducerID())
	if known == nil {
		known = &producer{id: b.ProducerID(), epoch: noEpoch, coordinatorEpoch: -1, txnFirstOffset: -1}
		p.add(known)
	} else {
		p.known.touch(known)
	}
	if known.epoch != b.ProducerEpoch() {
		known.epoch, known.count, known.contiguous = b.ProducerEpoch(), 0, 0
	}
	known.lastTimestamp = now
	return known
}

// add adds a producer. It may have to remove another one for it.
func (p *Producers) add(known *producer) {
	if p.known == nil {
		p.known = new(idleList)
	}
	p.known.add(known)
	p.memory.count(1)
	if p.memory.over() && p.Len() > alwaysRemembered {
		p.forgetIdlest()
	}
}

// forgetIdlest removes the producer that has been idle for longest, except the newest and those with an open
// transaction. It reports whether there was one.
func (p *Producers) forgetIdlest() bool {
	for known := p.known.first(); known != nil && known.newer != nil; known = known.newer {
		if known.txnFirstOffset < 0 {
			p.forget(known)
			return true
		}
	}
	return false
}

func (p *Producers) forget(known *producer) {
	p.known.remove(known)
	p.memory.count(-1)
}

// Expire removes producers without an open transaction whose last append is at least maxAge milliseconds old at now.
// While the memory is used up it removes those that have been idle for crowdedAge, so that new producers do not replace
// active ones.
func (p *Producers) Expire(now, maxAge int64) {
	for known := p.known.first(); known != nil; {
		next, age := known.newer, maxAge
		if p.memory.full() {
			age = min(maxAge, crowdedAge)
		}
		if known.txnFirstOffset < 0 && now-known.lastTimestamp >= age {
			p.forget(known)
		}
		known = next
	}
}

// Clear removes all producers.
func (p *Producers) Clear() {
	p.memory.count(-p.Len())
	*p = Producers{memory: p.memory}
}

// All yields copies of the producers, the one that has been idle for longest first. The state must not change
// meanwhile.
func (p *Producers) All() iter.Seq[Producer] {
	return func(yield func(Producer) bool) {
		for known := p.known.first(); known != nil; known = known.newer {
			if !yield(known.full()) {
				return
			}
		}
	}
}

// Restore replaces the state with these producers, in any order. Of a producer's batches the last Window are kept.
func (p *Producers) Restore(all iter.Seq[Producer]) {
	p.Clear()
	byIdleness := slices.SortedStableFunc(all,
		func(a, b Producer) int { return cmp.Compare(a.LastTimestamp, b.LastTimestamp) })
	for _, full := range byIdleness {
		known := &producer{
			id: full.ID, epoch: full.Epoch, lastTimestamp: full.LastTimestamp,
			coordinatorEpoch: full.CoordinatorEpoch, txnFirstOffset: full.TxnFirstOffset,
		}
		for _, a := range full.Batches[max(0, len(full.Batches)-Window):] {
			known.batches[known.count] = appended{
				lastOffset: a.LastOffset, timestamp: a.Timestamp,
				lastSequence: a.LastSequence, delta: int32(a.LastOffset - a.FirstOffset),
			}
			known.count++
		}
		known.contiguous = max(full.Contiguous, known.run())
		if twice := p.known.find(full.ID); twice != nil {
			p.forget(twice)
		}
		p.add(known)
		if known.txnFirstOffset >= 0 {
			p.begin(full.ID, known.txnFirstOffset)
		}
	}
}

// Len returns the number of producers.
func (p *Producers) Len() int {
	if p.known == nil {
		return 0
	}
	return p.known.count
}

// full converts p to a Producer.
func (p *producer) full() Producer {
	full := Producer{
		ID: p.id, Epoch: p.epoch, LastTimestamp: p.lastTimestamp,
		CoordinatorEpoch: p.coordinatorEpoch, TxnFirstOffset: p.txnFirstOffset, Contiguous: p.contiguous,
	}
	for _, a := range p.batches[:p.count] {
		full.Batches = append(full.Batches, a.full())
	}
	return full
}

// run returns how many of the last records in the remembered batches are contiguous.
func (p *producer) run() (n int32) {
	for i := int(p.count) - 1; i >= 0; i-- {
		a := p.batches[i]
		if a.lastSequence == record.NoSequence || i < int(p.count)-1 &&
			record.AddSequence(a.lastSequence, 1) != p.batches[i+1].firstSequence() {
			break
		}
		n += a.delta + 1
	}
	return n
}

func (a appended) firstOffset() int64 { return a.lastOffset - int64(a.delta) }

func (a appended) firstSequence() int32 {
	if a.lastSequence == record.NoSequence {
		return record.NoSequence
	}
	return record.SubSequence(a.lastSequence, a.delta)
}

// full converts a to an Appended.
func (a appended) full() Appended {
	return Appended{
		FirstSequence: a.firstSequence(), LastSequence: a.lastSequence,
		FirstOffset: a.firstOffset(), LastOffset: a.lastOffset,
		Timestamp: a.timestamp,
	}
}
