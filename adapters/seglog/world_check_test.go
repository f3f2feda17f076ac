package seglog

import (
	"bytes"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// check compares a log with what it must hold: everything below acked, and nothing that was not appended. What was
// appended and is not there is forgotten.
func (w *world) check(m *modelLog, acked int64) {
	w.t.Helper()
	l := m.log
	start, end := l.StartOffset(), l.EndOffset()
	if to := m.resetting; to != nil {
		m.resetting = nil
		if start == *to && end == *to {
			m.beginAt(*to)
			acked = *to
		}
	}
	if end < acked || end > m.end() || l.DurableEnd() != end {
		w.fatalf("%v ends at %d (durable %d), acknowledged was %d, appended %d", m.id, end, l.DurableEnd(), acked, m.end())
	}
	if start != m.start && end > m.start && (!w.failing || start < m.start) || start < m.askedFor {
		w.fatalf("%v starts at %d, not %d, ends at %d", m.id, start, m.start, end)
	}
	m.start = max(m.start, start)
	m.forget(end)
	if m.end() != end {
		w.fatalf("%v ends at %d, inside of a batch", m.id, end)
	}
	w.checkRecords(m, start, end)
	w.checkProducers(m, start)
	w.checkEpochs(m, start)
	m.opened = false
}

// checkEpochs compares the leader epochs that a log has stored, and those that it has handed over when it was opened,
// with those of the batches that it was given, as far as compaction has left these.
func (w *world) checkEpochs(m *modelLog, start int64) {
	w.t.Helper()
	left := w.left(m, start)
	var want []partition.EpochStart
	for _, b := range left {
		if n := len(want); n == 0 || want[n-1].Epoch != b.LeaderEpoch() {
			want = append(want, partition.EpochStart{Epoch: b.LeaderEpoch(), Start: b.BaseOffset()})
		}
	}
	if len(want) == 0 {
		return // what is known of records that are deleted does no harm
	}
	stored := w.stored(m)
	if got := atBatches(left, stored.Entries()); !slices.Equal(got, want) {
		w.fatalf("%v has stored leader epochs %v, from %d on they are %v", m.id, stored.Entries(), start, want)
	}
	if got := atBatches(left, m.found); m.opened && !slices.Equal(got, want) {
		w.fatalf("%v was opened with leader epochs %v, from %d on they are %v", m.id, m.found, start, want)
	}
}

// left returns the batches of the model from start on that are in the log: compaction removes some.
func (w *world) left(m *modelLog, start int64) (left []record.Batch) {
	w.t.Helper()
	var there map[int64]bool
	look := func() error {
		there = make(map[int64]bool)
		return m.log.walk(start, func(b record.Batch) { there[b.LastOffset()] = true })
	}
	err := look()
	if err != nil && w.failing { // an operation may fail, and works the next time
		err = look()
	}
	if err != nil {
		w.fatalf("batches of %v: %v", m.id, err)
	}
	for _, b := range m.batches {
		if b.NextOffset() > start && there[b.LastOffset()] {
			left = append(left, b)
		}
	}
	return left
}

// atBatches returns a history of leader epochs with each beginning where its first batch that is left does: in a gap
// between batches one may begin anywhere.
func atBatches(left []record.Batch, epochs []partition.EpochStart) (out []partition.EpochStart) {
	for _, e := range epochs {
		for _, b := range left {
			if b.BaseOffset() >= e.Start || b.BaseOffset() == left[0].BaseOffset() && b.NextOffset() > e.Start {
				e.Start = b.BaseOffset()
				break
			}
		}
		if n := len(out); n > 0 && out[n-1].Start == e.Start {
			out = out[:n-1]
		}
		out = append(out, e)
	}
	return out
}

// epochs returns the leader epochs of all batches, as a replica knows them.
func (m *modelLog) epochs() (epochs []partition.EpochStart) {
	for _, b := range m.batches {
		if n := len(epochs); n == 0 || epochs[n-1].Epoch != b.LeaderEpoch() {
			epochs = append(epochs, partition.EpochStart{Epoch: b.LeaderEpoch(), Start: b.BaseOffset()})
		}
	}
	return epochs
}

// stored returns the leader epochs that a log has stored.
func (w *world) stored(m *modelLog) partition.Epochs {
	w.t.Helper()
	epochs, _, err := m.log.readEpochs()
	if err != nil && w.failing { // an operation may fail, and works the next time
		epochs, _, err = m.log.readEpochs()
	}
	if err != nil {
		w.fatalf("leader epochs of %v: %v", m.id, err)
	}
	return epochs
}

// forget takes the batches from end on out of the model.
func (m *modelLog) forget(end int64) {
	n := len(m.batches)
	for n > 0 && m.batches[n-1].NextOffset() > end {
		n--
	}
	if n < len(m.batches) && m.batches[n].BaseOffset() == end { // the end of a gap, behind which nothing is left
		m.base = end
	}
	m.batches = m.batches[:n]
	m.committed = min(m.committed, end) // what was not synced may be lost all the same
	// it may be durable before records without a sync that it has deleted: it is where the log goes on
	if end == m.start {
		m.base = max(m.base, end)
	}
	m.seqs = map[int64]int32{}
	for _, b := range m.batches {
		if b.HasProducerID() {
			m.seqs[b.ProducerID()] = record.AddSequence(b.LastSequence(), 1)
		}
	}
}

// readAt reads once.
func (m *modelLog) readAt(from, to int64, most int) ([]byte, error) {
	s, err := m.log.Read(from, to, most)
	if err != nil {
		return nil, err
	}
	defer s.Release()
	buf := make([]byte, s.Size)
	return buf, s.ReadInto(buf)
}

// read returns the bytes from one offset to another, whole batches.
func (w *world) read(m *modelLog, from, to int64) []byte {
	w.t.Helper()
	var all []byte
	for from < to {
		most := w.rand.IntN(5000)
		buf, err := m.readAt(from, to, most)
		if err != nil && w.failing { // an operation may fail, and works the next time
			buf, err = m.readAt(from, to, most)
		}
		if err != nil {
			w.fatalf("read %v at %d: %v", m.id, from, err)
		}
		if len(buf) == 0 {
			return all
		}
		all = append(all, buf...)
		for len(buf) > 0 {
			b, rest, err := record.Next(buf)
			if err != nil {
				w.fatalf("read %v at %d: %v", m.id, from, err)
			}
			from, buf = b.NextOffset(), rest
		}
	}
	return all
}

func (w *world) checkRecords(m *modelLog, start, end int64) {
	w.t.Helper()
	if m.cfg.Compact {
		w.checkCompacted(m, start, end)
		return
	}
	var want []byte
	for _, b := range m.batches {
		if b.LastOffset() >= start && b.NextOffset() <= end {
			want = append(want, b...)
		}
	}
	if got := w.read(m, start, end); !bytes.Equal(got, want) {
		w.fatalf(
			"%v from %d to %d has %d bytes, want %d, equal up to %d", m.id, start, end, len(got), len(want), common(got, want),
		)
	}
}

func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// checkCompacted sees that records are those that were appended, and that the newest of each key is there.
func (w *world) checkCompacted(m *modelLog, start, end int64) {
	w.t.Helper()
	type kv struct{ key, value string }
	appended, newest := map[int64]kv{}, map[string]int64{}
	each := func(b record.Batch, visit func(offset int64, r kv)) {
		for r, err := range b.Records(record.Limits{}) {
			if err != nil {
				w.fatalf("%v: %v", m.id, err)
			}
			visit(b.BaseOffset()+int64(r.OffsetDelta), kv{string(r.Key), string(r.Value)})
		}
	}
	for _, b := range m.batches {
		each(b, func(o int64, r kv) {
			appended[o] = r
			if o >= start && o < end {
				newest[r.key] = o
			}
		})
	}
	found, last := map[int64]bool{}, int64(-1)
	for rest := w.read(m, start, end); len(rest) > 0; {
		b, behind, err := record.Next(rest)
		if err == nil {
			err = b.VerifyCRC()
		}
		if err != nil {
			w.fatalf("%v: %v", m.id, err)
		}
		each(b, func(o int64, r kv) {
			if appended[o] != r || o <= last {
				w.fatalf("%v at %d is not what was appended, or out of order behind %d", m.id, o, last)
			}
			found[o], last = true, o
		})
		rest = behind
	}
	for key, o := range newest {
		if !found[o] {
			w.fatalf("%v has lost %s at %d, of %d to %d", m.id, key, o, start, end)
		}
	}
}

// checkProducers compares the producers with a replay of everything that was ever appended.
func (w *world) checkProducers(m *modelLog, start int64) {
	w.t.Helper()
	want := new(partition.Producers)
	for _, b := range m.batches {
		want.Append(b, 0)
	}
	got := map[int64]partition.Producer{}
	for p := range m.log.state.Snapshot() {
		got[p.ID] = p
	}
	for p := range want.All() {
		g, ok := got[p.ID]
		delete(got, p.ID)
		if last := p.Batches[len(p.Batches)-1]; !ok && last.LastOffset < start {
			continue
		}
		if m.cfg.Compact && ok && len(g.Batches) > 0 { // batches may be gone, or smaller, but not the last one
			g, p := g.Batches[len(g.Batches)-1], p.Batches[len(p.Batches)-1]
			if g.LastSequence != p.LastSequence || g.LastOffset != p.LastOffset {
				w.fatalf("%v has a producer's last batch %+v, want %+v", m.id, g, p)
			}
			continue
		}
		if n := len(g.Batches); !ok || g.Epoch != p.Epoch || n == 0 || n > len(p.Batches) ||
			!slices.Equal(g.Batches, p.Batches[len(p.Batches)-n:]) || n < len(p.Batches) && start == 0 && !m.cfg.Compact {
			w.fatalf("%v has producer %+v, want %+v", m.id, g, p)
		}
		if g.Contiguous > p.Contiguous || start == 0 && g.Contiguous < p.Contiguous {
			w.fatalf("%v knows %d records of %+v to follow each other, want %d", m.id, g.Contiguous, p, p.Contiguous)
		}
	}
	for id := range got {
		w.fatalf("%v has invented producer %d", m.id, id)
	}
}

// noteStart takes over where the log starts, after retention.
func (w *world) noteStart(m *modelLog) { m.start = m.log.StartOffset() }
