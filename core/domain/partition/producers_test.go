package partition

import (
	"errors"
	"math"
	"os"
	"slices"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// batch returns a batch of n records as producer id, epoch sends it.
func batch(id int64, epoch int16, sequence int32, n int, transactional bool) record.Batch {
	builder := record.NewBuilder(record.Options{
		Producer: &record.Producer{ID: id, Epoch: epoch, Sequence: sequence}, Transactional: transactional,
	})
	for i := range n {
		builder.Append(int64(1000+i), nil, nil)
	}
	b, err := builder.Build()
	if err != nil {
		panic(err) // it is not compressed
	}
	return b
}

// log is a partition's log reduced to its producers.
type log struct {
	t         *testing.T
	producers *Producers
	end       int64
	now       int64
}

func newLog(t *testing.T) *log { return &log{t: t, producers: new(Producers), now: 5000} }

// produce checks and appends, and returns the offset answered.
func (l *log) produce(b record.Batch) (offset int64, err error) {
	dup, err := l.producers.Check(b)
	if err != nil {
		return -1, err
	}
	if dup != nil {
		if dup.FirstOffset < 0 && dup.LastOffset >= l.end {
			l.t.Errorf("the duplicate ended at %d or before, the log ends at %d", dup.LastOffset, l.end)
		}
		return dup.FirstOffset, nil
	}
	b.SetBaseOffset(l.end)
	l.end = b.NextOffset()
	l.producers.Append(b, l.now)
	return b.BaseOffset(), nil
}

// want fails the test unless producing b is answered so.
func (l *log) want(b record.Batch, offset int64, kind fault.Kind) {
	l.t.Helper()
	got, err := l.produce(b)
	if got != offset || fault.KindOf(err) != kind {
		l.t.Errorf("producer %d epoch %d sequence %d: offset %d, %v; want %d, %v",
			b.ProducerID(), b.ProducerEpoch(), b.BaseSequence(), got, err, offset, kind)
	}
}

func TestTheLastFiveBatchesAreAnsweredWithTheirOldOffsets(t *testing.T) {
	l := newLog(t)
	for i := range int32(7) {
		l.want(batch(1, 0, 2*i, 2, false), int64(2*i), fault.None)
	}
	for i := int32(2); i < 7; i++ {
		l.want(batch(1, 0, 2*i, 2, false), int64(2*i), fault.None)
	}
	l.want(batch(1, 0, 2, 2, false), -1, fault.None)                // further back
	l.want(batch(1, 0, 12, 1, false), -1, fault.OutOfOrderSequence) // begins like a batch that was appended
	l.want(batch(1, 0, 15, 1, false), -1, fault.OutOfOrderSequence) // leaves 14 out
	l.want(batch(1, 0, 14, 1, false), 14, fault.None)
}

// A producer has five batches in flight to a leader that is deposed without knowing it, and sends the next ones to the
// new leader, which has replicated those five. When the old leader refuses them, they are sent again.
func TestWhatWasAppendedFurtherBackIsKnownForADuplicate(t *testing.T) {
	l := newLog(t)
	l.want(batch(1, 0, 40, 10, false), 0, fault.None) // an unknown producer
	for i := range int32(20) {
		l.want(batch(1, 0, 50+i, 1, false), int64(10+i), fault.None)
	}
	for name, b := range map[string]record.Batch{
		"the first":                batch(1, 0, 40, 10, false),
		"part of the first":        batch(1, 0, 43, 2, false),
		"the first and the second": batch(1, 0, 49, 2, false),
		"the last not remembered":  batch(1, 0, 64, 1, false),
	} {
		if dup, err := l.producers.Check(b); err != nil || dup == nil || dup.FirstOffset != -1 || dup.LastOffset != 24 {
			t.Errorf("%s: %+v, %v", name, dup, err)
		}
	}
	for name, b := range map[string]record.Batch{
		"what came before the producer was known": batch(1, 0, 39, 1, false),
		"more than was appended":                  batch(1, 0, 39, 2, false),
		"a gap":                                   batch(1, 0, 71, 1, false),
		"what reaches into the remembered ones":   batch(1, 0, 64, 2, false),
		"a new epoch":                             batch(1, 1, 50, 1, false),
	} {
		if dup, err := l.producers.Check(b); dup != nil || !errors.Is(err, fault.OutOfOrderSequence) {
			t.Errorf("%s: %+v, %v", name, dup, err)
		}
	}
	l.want(batch(1, 1, 0, 1, false), 30, fault.None)
	for i := range int32(9) {
		l.want(batch(1, 1, 1+i, 1, false), int64(31+i), fault.None)
	}
	l.want(batch(1, 1, 0, 1, false), -1, fault.None)
	l.want(batch(1, 1, math.MaxInt32, 1, false), -1, fault.OutOfOrderSequence) // the sequence before 0, of nothing
}

func TestWhatWasAppendedFurtherBackIsKnownWhereSequencesBeginAgain(t *testing.T) {
	l := newLog(t)
	for i := range int32(9) {
		l.want(batch(1, 0, record.AddSequence(math.MaxInt32-5, 2*i), 2, false), int64(2*i), fault.None)
	}
	l.want(batch(1, 0, math.MaxInt32-3, 2, false), -1, fault.None)
	l.want(batch(1, 0, math.MaxInt32-6, 1, false), -1, fault.OutOfOrderSequence)
}

func TestAnUnknownProducerMayBeginWithAnySequence(t *testing.T) {
	l := newLog(t)
	l.want(batch(1, 3, 1000, 1, false), 0, fault.None)
	l.want(batch(1, 3, 1001, 1, false), 1, fault.None)
}

func TestANewEpochBeginsWithSequence0AndFencesTheOldOne(t *testing.T) {
	l := newLog(t)
	l.want(batch(1, 0, 0, 1, false), 0, fault.None)
	l.want(batch(1, 1, 1, 1, false), -1, fault.OutOfOrderSequence)
	l.want(batch(1, 1, 0, 1, false), 1, fault.None)
	l.want(batch(1, 0, 1, 1, false), -1, fault.InvalidProducerEpoch)
	l.want(batch(1, 0, 0, 1, false), -1, fault.InvalidProducerEpoch) // a retry of what was appended
	l.want(batch(1, 1, 0, 1, false), 1, fault.None)
}

func TestASequenceWrapsWithinABatchAndBetweenBatches(t *testing.T) {
	l := newLog(t)
	l.want(batch(1, 0, math.MaxInt32-1, 2, false), 0, fault.None)
	l.want(batch(1, 0, 0, 1, false), 2, fault.None)
	l.want(batch(2, 0, math.MaxInt32-1, 4, false), 3, fault.None)
	l.want(batch(2, 0, 2, 1, false), 7, fault.None)
	l.want(batch(2, 0, math.MaxInt32-1, 4, false), 3, fault.None)
	l.want(batch(1, 0, math.MaxInt32-1, 2, false), 0, fault.None)
}

func TestBatchesWithoutProducerAreNeitherCheckedNorRemembered(t *testing.T) {
	l := newLog(t)
	for i := range int64(3) {
		l.want(batch(record.NoProducerID, -1, record.NoSequence, 1, false), i, fault.None)
	}
	if l.producers.Len() != 0 {
		t.Errorf("%d producers remembered", l.producers.Len())
	}
}

func TestIdleProducersExpireUnlessTheirTransactionIsOpen(t *testing.T) {
	l := newLog(t)
	l.want(batch(1, 0, 0, 1, false), 0, fault.None)
	l.want(batch(2, 0, 0, 1, true), 1, fault.None)
	l.now += 100
	l.want(batch(3, 0, 0, 1, false), 2, fault.None)
	l.producers.Expire(l.now, 101)
	if l.producers.Len() != 3 {
		t.Errorf("%d producers remembered before the time", l.producers.Len())
	}
	l.producers.Expire(l.now, 100)
	var ids []int64
	for p := range l.producers.All() {
		ids = append(ids, p.ID)
	}
	if !slices.Equal(ids, []int64{2, 3}) {
		t.Errorf("producers %v remembered, want 2 and 3", ids)
	}
	l.want(batch(1, 0, 7, 1, false), 3, fault.None)
}

// mark appends a transaction marker.
func (l *log) mark(id int64, epoch int16, m record.EndTxn) (EndedTxn, bool, error) {
	b := m.Batch(id, epoch, 2000)
	if _, err := l.producers.Check(b); err != nil {
		return EndedTxn{}, false, err
	}
	b.SetBaseOffset(l.end)
	l.end++
	txn, ended := l.producers.Append(b, l.now)
	return txn, ended, nil
}

func (l *log) wantOpen(offset int64) {
	l.t.Helper()
	if got, ok := l.producers.FirstOpenTxn(); got != offset || ok != (offset >= 0) {
		l.t.Errorf("FirstOpenTxn() = %d, %t, want %d", got, ok, offset)
	}
}

func TestMarkersEndTransactionsInAnyOrder(t *testing.T) {
	l := newLog(t)
	l.wantOpen(-1)
	l.want(batch(1, 0, 0, 2, true), 0, fault.None)
	l.want(batch(2, 0, 0, 2, true), 2, fault.None)
	l.want(batch(1, 0, 2, 1, true), 4, fault.None)
	l.want(batch(1, 0, 3, 1, false), -1, fault.InvalidTxnState)
	l.wantOpen(0)
	txn, ended, err := l.mark(2, 0, record.EndTxn{CoordinatorEpoch: 4})
	if want := (EndedTxn{ProducerID: 2, FirstOffset: 2, LastOffset: 5, Aborted: true, LastStable: 0}); !ended ||
		err != nil || txn != want {
		t.Errorf("abort: %+v, %t, %v, want %+v", txn, ended, err, want)
	}
	l.wantOpen(0)
	// KIP-890: the marker raises the epoch
	txn, ended, err = l.mark(1, 1, record.EndTxn{Committed: true, CoordinatorEpoch: 4})
	if want := (EndedTxn{ProducerID: 1, FirstOffset: 0, LastOffset: 6, LastStable: 7}); !ended || err != nil ||
		txn != want {
		t.Errorf("commit: %+v, %t, %v, want %+v", txn, ended, err, want)
	}
	l.wantOpen(-1)
	if _, ended, err := l.mark(1, 1, record.EndTxn{CoordinatorEpoch: 4}); ended || err != nil {
		t.Errorf("marker without a transaction: %t, %v", ended, err)
	}
	if _, _, err := l.mark(1, 1, record.EndTxn{CoordinatorEpoch: 3}); !errors.Is(err, fault.TransactionCoordinatorFenced) {
		t.Errorf("marker of an old coordinator: %v", err)
	}
	if _, _, err := l.mark(1, 0, record.EndTxn{CoordinatorEpoch: 4}); !errors.Is(err, fault.InvalidProducerEpoch) {
		t.Errorf("marker of an old epoch: %v", err)
	}
	l.want(batch(1, 1, 0, 1, true), 8, fault.None)
	l.want(batch(1, 0, 3, 1, true), -1, fault.InvalidProducerEpoch)
	l.want(batch(2, 0, 2, 1, true), 9, fault.None) // the epoch stayed, so the sequence goes on
	l.wantOpen(8)
}

func TestTheProducersOfALogThatKafkaWroteAreReadBack(t *testing.T) {
	file, err := os.ReadFile("../record/testdata/kafka-4.3.1.log")
	if err != nil {
		t.Fatal(err)
	}
	p := new(Producers)
	var txns []EndedTxn
	for rest := file; len(rest) > 0; {
		var b record.Batch
		if b, rest, err = record.Next(rest); err != nil {
			t.Fatal(err)
		}
		if dup, err := p.Check(b); dup != nil || err != nil {
			t.Errorf("Check() = %v, %v", dup, err)
		}
		if txn, ended := p.Append(b, b.MaxTimestamp()); ended {
			txns = append(txns, txn)
		}
	}
	if diff := cmp.Diff([]EndedTxn{{ProducerID: 117, FirstOffset: 30, LastOffset: 33, LastStable: 34}}, txns); diff != "" {
		t.Errorf("transactions (-want +got):\n%s", diff)
	}
	if p.Len() != 6 {
		t.Errorf("%d producers, want 6", p.Len())
	}
	for last := range p.All() {
		if last.ID == 117 && (last.Epoch != 1 || len(last.Batches) != 0 || last.CoordinatorEpoch != 0 ||
			last.TxnFirstOffset != -1) {
			t.Errorf("the transaction's producer is %+v", last)
		}
	}
}

func TestAProducerTakesLittleMemoryAndAnAppendNone(t *testing.T) {
	if size := unsafe.Sizeof(producer{}); size > 176 { // a size class of the allocator
		t.Errorf("a producer takes %d bytes", size)
	}
	p, b, next := new(Producers), batch(1, 0, 0, 1, false), int32(0)
	if n := testing.AllocsPerRun(100, func() {
		setSequence(b, next)
		next++
		if dup, err := p.Check(b); dup != nil || err != nil {
			t.Error(dup, err)
		}
		p.Append(b, 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCheckAndAppend(b *testing.B) {
	p := new(Producers)
	sent := batch(1, 0, 0, 10, false)
	var next int32
	b.ReportAllocs()
	for b.Loop() {
		setSequence(sent, next)
		next = record.AddSequence(next, 10)
		if dup, err := p.Check(sent); dup != nil || err != nil {
			b.Fatal(dup, err)
		}
		p.Append(sent, 1)
	}
}
