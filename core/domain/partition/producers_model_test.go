package partition

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// setSequence changes a batch's base sequence; its checksum does not matter here.
func setSequence(b record.Batch, sequence int32) {
	binary.BigEndian.PutUint32(b[53:], uint32(sequence))
}

// event is one batch in the model's log.
type event struct {
	id            int64
	epoch         int16
	sequence      int32 // of the first record
	n             int32
	offset        int64
	transactional bool
	marker        bool
	now           int64
}

// model decides by searching the whole log.
type model struct {
	log     []event
	expired map[int64]int // by producer, the length of the log when it last expired
	end     int64
}

// of returns what the model remembers of a producer.
func (m *model) of(id int64) []event {
	var all []event
	for i, e := range m.log {
		if e.id == id && i >= m.expired[id] {
			all = append(all, e)
		}
	}
	return all
}

// epochOf returns the newest epoch, -1 for none.
func (m *model) epochOf(id int64) int16 {
	if all := m.of(id); len(all) > 0 {
		return all[len(all)-1].epoch
	}
	return -1
}

// window returns the data batches of the newest epoch that are remembered.
func (m *model) window(id int64) []event {
	all := m.of(id)
	var batches []event
	for i := len(all) - 1; i >= 0 && all[i].epoch == all[len(all)-1].epoch && len(batches) < 5; i-- {
		if !all[i].marker {
			batches = append(batches, all[i])
		}
	}
	slices.Reverse(batches)
	return batches
}

// contiguous returns how many of the producer's last records have sequences that follow each other, in its newest
// epoch.
func (m *model) contiguous(id int64) (n int32) {
	all := slices.DeleteFunc(m.of(id), func(e event) bool { return e.marker || e.epoch != m.epochOf(id) })
	for i, e := range slices.Backward(all) {
		if i+1 < len(all) && record.AddSequence(e.sequence, e.n) != all[i+1].sequence {
			break
		}
		n += e.n
	}
	return n
}

// appendedBefore reports whether all of e's sequences were appended before the batches that are remembered.
func (m *model) appendedBefore(e event) bool {
	window := m.window(e.id)
	if e.epoch != m.epochOf(e.id) || len(window) == 0 {
		return false
	}
	last := window[len(window)-1]
	end := record.AddSequence(last.sequence, last.n-1)
	var appended []int32 // newest first
	for i := range m.contiguous(e.id) {
		appended = append(appended, record.SubSequence(end, i))
	}
	remembered := int32(0)
	for _, old := range window {
		remembered += old.n
	}
	for i := range e.n {
		if at := slices.Index(appended, record.AddSequence(e.sequence, i)); at < int(remembered) {
			return false
		}
	}
	return true
}

// open returns the first offset of the producer's open transaction, -1 for none.
func (m *model) open(id int64) int64 {
	first := int64(-1)
	for _, e := range m.of(id) {
		switch {
		case e.marker:
			first = -1
		case e.transactional && first < 0:
			first = e.offset
		}
	}
	return first
}

// furtherBack is the decision for a duplicate whose offset is not remembered.
const furtherBack = -2

// decide returns the old offset of a duplicate, or the error, or neither.
func (m *model) decide(e event) (dup int64, kind fault.Kind) {
	known := m.epochOf(e.id)
	window := m.window(e.id)
	for _, old := range window {
		if !e.marker && e.epoch == known && old.sequence == e.sequence && old.n == e.n {
			return old.offset, fault.None
		}
	}
	switch {
	case known < 0:
		return -1, fault.None
	case e.epoch < known:
		return -1, fault.InvalidProducerEpoch
	case e.marker:
		return -1, fault.None
	}
	if m.appendedBefore(e) {
		return furtherBack, fault.None
	}
	want := int64(0)
	if e.epoch == known && len(window) > 0 {
		last := window[len(window)-1]
		want = (int64(last.sequence) + int64(last.n)) % (math.MaxInt32 + 1)
	}
	if int64(e.sequence) != want {
		return -1, fault.OutOfOrderSequence
	}
	if m.open(e.id) >= 0 && !e.transactional {
		return -1, fault.InvalidTxnState
	}
	return -1, fault.None
}

func TestProducersDecideAsAModelThatKeepsTheWholeLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, m, now := new(Producers), &model{expired: map[int64]int{}}, int64(1000)
		var sent []event
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += int64(rapid.IntRange(0, 10).Draw(t, "time"))
			switch rapid.SampledFrom([]string{
				"next", "next", "next", "next", "retry", "odd", "epoch", "marker", "expire",
				"restore",
			}).Draw(t, "step") {
			case "expire":
				age := int64(rapid.IntRange(0, 60).Draw(t, "age"))
				p.Expire(now, age)
				for id := range int64(3) {
					if all := m.of(id); len(all) > 0 && now-all[len(all)-1].now >= age && m.open(id) < 0 {
						m.expired[id] = len(m.log)
					}
				}
			case "restore":
				restored := new(Producers)
				restored.Restore(p.All())
				if diff := gocmp.Diff(slices.Collect(p.All()), slices.Collect(restored.All())); diff != "" {
					t.Fatalf("restored (-before +after):\n%s", diff)
				}
				p = restored
			case "retry":
				if len(sent) > 0 {
					e := rapid.SampledFrom(sent).Draw(t, "sent")
					e.now = now
					apply(t, p, m, e)
				}
			case "marker":
				id := rapid.Int64Range(0, 2).Draw(t, "producer")
				apply(t, p, m, event{
					id: id, epoch: max(0, m.epochOf(id)) + int16(rapid.IntRange(-1, 1).Draw(t, "epoch")),
					marker: true, n: 1, now: now,
				})
			case "epoch":
				id := rapid.Int64Range(0, 2).Draw(t, "producer")
				e := event{id: id, epoch: max(0, m.epochOf(id)) + int16(rapid.IntRange(-1, 2).Draw(t, "epoch")), n: 1, now: now}
				e.transactional = m.open(id) >= 0
				sent = append(sent, e)
				apply(t, p, m, e)
			case "odd":
				e := event{
					id: rapid.Int64Range(0, 2).Draw(t, "producer"), epoch: int16(rapid.IntRange(0, 3).Draw(t, "epoch")),
					sequence: rapid.SampledFrom([]int32{0, 1, 2, 5, math.MaxInt32 - 1, math.MaxInt32}).Draw(t, "sequence"),
					n:        int32(rapid.IntRange(1, 4).Draw(t, "records")), transactional: rapid.Bool().Draw(t, "transactional"),
					now: now,
				}
				sent = append(sent, e)
				apply(t, p, m, e)
			default:
				id := rapid.Int64Range(0, 2).Draw(t, "producer")
				e := event{id: id, epoch: max(0, m.epochOf(id)), n: int32(rapid.IntRange(1, 4).Draw(t, "records")), now: now}
				if w := m.window(id); len(w) > 0 {
					last := w[len(w)-1]
					e.sequence = record.AddSequence(last.sequence, last.n)
				}
				e.transactional = m.open(id) >= 0 || rapid.Bool().Draw(t, "transactional")
				sent = append(sent, e)
				apply(t, p, m, e)
			}
			compare(t, p, m)
		}
	})
}

// apply lets both decide on e, and appends it if they allow it.
func apply(t *rapid.T, p *Producers, m *model, e event) {
	if e.epoch < 0 {
		return
	}
	b := batch(e.id, e.epoch, e.sequence, int(e.n), e.transactional)
	if e.marker {
		b = record.EndTxn{Committed: true}.Batch(e.id, e.epoch, 2000)
	}
	dup, err := p.Check(b)
	wantDup, wantKind := m.decide(e)
	got := int64(-1)
	if dup != nil {
		if got = dup.FirstOffset; got < 0 {
			got = furtherBack
		}
	}
	if fault.KindOf(err) != wantKind || got != wantDup {
		t.Fatalf("%+v: Check() = %+v, %v, want duplicate %d, %v", e, dup, err, wantDup, wantKind)
	}
	if err != nil || dup != nil {
		return
	}
	b.SetBaseOffset(m.end)
	first := m.open(e.id)
	txn, ended := p.Append(b, e.now)
	e.offset = m.end
	m.end += int64(e.n)
	m.log = append(m.log, e)
	if ended != (e.marker && first >= 0) || ended && (txn.FirstOffset != first || txn.LastOffset != e.offset ||
		txn.ProducerID != e.id || txn.Aborted) {
		t.Fatalf("%+v: Append() = %+v, %t", e, txn, ended)
	}
}

// compare compares the whole state with the model's.
func compare(t *rapid.T, p *Producers, m *model) {
	var want []Producer
	oldest := int64(-1)
	for id := range int64(3) {
		all := m.of(id)
		if len(all) == 0 {
			continue
		}
		last := all[len(all)-1]
		full := Producer{
			ID: id, Epoch: last.epoch, LastTimestamp: last.now, CoordinatorEpoch: -1, TxnFirstOffset: m.open(id),
			Contiguous: m.contiguous(id),
		}
		for _, e := range all {
			if e.marker {
				full.CoordinatorEpoch = 0
			}
		}
		for _, e := range m.window(id) {
			full.Batches = append(full.Batches, Appended{
				FirstSequence: e.sequence, LastSequence: record.AddSequence(e.sequence, e.n-1),
				FirstOffset: e.offset, LastOffset: e.offset + int64(e.n) - 1, Timestamp: 1000 + int64(e.n) - 1,
			})
		}
		if first := full.TxnFirstOffset; first >= 0 && (oldest < 0 || cmp.Less(first, oldest)) {
			oldest = first
		}
		want = append(want, full)
	}
	byID := slices.SortedFunc(p.All(), func(a, b Producer) int { return cmp.Compare(a.ID, b.ID) })
	if diff := gocmp.Diff(want, byID); diff != "" {
		t.Fatalf("producers (-model +got):\n%s", diff)
	}
	if got, _ := p.FirstOpenTxn(); got != oldest || p.Len() != len(want) {
		t.Fatalf("FirstOpenTxn() = %d, want %d; Len() = %d, want %d", got, oldest, p.Len(), len(want))
	}
}
