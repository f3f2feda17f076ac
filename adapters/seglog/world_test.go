package seglog

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// world is a store on a file system in memory, and what it must hold.
type world struct {
	t     *testing.T
	seed  uint64
	rand  *rand.Rand
	plug  *disktest.Plug
	opt   Options
	store *Store
	logs  []*modelLog
	ids   byte // topic ids given out
	steps []string
	log   bytes.Buffer // of the store's errors
	// failing says that operations may fail: a log start offset may then rise without an answer.
	failing bool
}

// modelLog is what one log must hold.
type modelLog struct {
	id        ports.LogID
	cfg       ports.LogConfig
	log       *Log
	f         *follower
	batches   []record.Batch  // appended, in order
	seqs      map[int64]int32 // next sequence of each producer
	epoch     int32
	firm      int64 // what is durable whatever the flush policy was before
	loose     bool  // something was appended that is not to be synced
	start     int64 // log start offset
	base      int64 // where the log goes on when nothing above its start was kept
	truncated bool
	askedFor  int64 // answered AdvanceStart
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 1)), plug: disktest.NewPlug(rand.New(rand.NewPCG(seed, 2)))}
	w.opt = Options{
		Dir: "/data", FS: w.plug, Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelError})), MaxOpenFiles: 1 + w.rand.IntN(20),
		Journal: journal.Options{FileBytes: 32 << 10, MaxFiles: 2 + w.rand.IntN(3), DirectBytes: []int{-1, 2000, 0}[w.rand.IntN(3)]},
	}
	for i := range 1 + w.rand.IntN(4) {
		cfg := ports.LogConfig{
			SegmentBytes: 1000 + w.rand.Int64N(10_000), IndexIntervalBytes: 200 + w.rand.Int64N(3000),
			RetentionAge: -1, RetentionBytes: -1,
		}
		switch w.rand.IntN(3) {
		case 0:
			cfg.Delete, cfg.RetentionBytes = true, w.rand.Int64N(20_000)
		case 1:
			cfg.Compact, cfg.DeleteRetention = true, time.Hour
		}
		w.logs = append(w.logs, &modelLog{id: ports.LogID{Topic: fmt.Sprintf("topic-%d", i/2), Partition: int32(i % 2)}, cfg: cfg})
	}
	for _, m := range w.logs {
		w.renew(m)
	}
	w.open()
	return w
}

// renew makes m the log of a new topic.
func (w *world) renew(m *modelLog) {
	w.ids++
	*m = modelLog{id: ports.LogID{Topic: m.id.Topic, Partition: m.id.Partition, TopicID: [16]byte{w.ids}}, cfg: m.cfg, seqs: map[int64]int32{}}
}

func (w *world) step(format string, args ...any) {
	w.steps = append(w.steps, fmt.Sprintf(format, args...))
}

func (w *world) fatalf(format string, args ...any) {
	w.t.Helper()
	for _, s := range w.steps {
		w.t.Log(s)
	}
	if w.store != nil {
		_ = w.store.Close()
	}
	w.t.Log(w.log.String())
	w.t.Fatalf("seed %d: %s", w.seed, fmt.Sprintf(format, args...))
}

func (w *world) open() {
	w.t.Helper()
	if err := w.tryOpen(); err != nil {
		w.fatalf("open: %v", err)
	}
}

// tryOpen opens the store and its logs.
func (w *world) tryOpen() error {
	s, err := Open(context.Background(), w.opt)
	if err != nil {
		return err
	}
	w.store = s
	for _, m := range w.logs {
		if err := w.openLog(m); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) openLog(m *modelLog) error {
	f := newFollower()
	l, err := w.store.Open(context.Background(), m.id, m.cfg, f)
	if err != nil {
		return err
	}
	f.durable, f.start = l.DurableEnd(), l.StartOffset()
	m.log, m.f = l.(*Log), f
	return nil
}

func (m *modelLog) end() int64 {
	if n := len(m.batches); n > 0 {
		return max(m.base, m.batches[n-1].NextOffset())
	}
	return m.base
}

// next builds the next batch of the log.
func (w *world) next(m *modelLog) record.Batch {
	if w.rand.IntN(20) == 0 {
		m.epoch++
	}
	n := int32(1 + w.rand.IntN(4))
	o := record.Options{BaseOffset: m.end(), LeaderEpoch: m.epoch}
	if id := w.rand.Int64N(4); id > 0 {
		o.Producer = &record.Producer{ID: id, Sequence: m.seqs[id]}
		m.seqs[id] += n
	}
	b := record.NewBuilder(o)
	for i := range n {
		value := make([]byte, w.rand.IntN(800))
		for k := range value {
			value[k] = byte(w.rand.Uint32())
		}
		b.Append(1000+m.end()*10+int64(i), fmt.Appendf(nil, "key-%d", w.rand.IntN(9)), value)
	}
	out, err := b.Build()
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) append(m *modelLog) error {
	if m.cfg.Flush != ports.FlushSync {
		m.loose = true
	}
	for range 1 + w.rand.IntN(6) {
		var batches []record.Batch
		for range 1 + w.rand.IntN(3) {
			b := w.next(m)
			batches = append(batches, slices.Clone(b))
			m.batches = append(m.batches, b)
		}
		if err := m.log.Append(batches, time.UnixMilli(1000)); err != nil {
			return err
		}
	}
	return nil
}

// await waits until all is durable or the log is offline.
func (m *modelLog) await(t *testing.T) error {
	deadline := time.After(20 * time.Second)
	for {
		m.f.mu.Lock()
		durable, offline := m.f.durable, m.f.offline
		m.f.mu.Unlock()
		if offline != nil || durable >= m.end() {
			return offline
		}
		select {
		case <-m.f.changed:
		case <-deadline:
			t.Fatalf("%v: durable up to %d of %d", m.id, durable, m.end())
		}
	}
}

// acknowledged is what the log has announced.
func (m *modelLog) acknowledged() int64 {
	m.f.mu.Lock()
	defer m.f.mu.Unlock()
	return m.f.durable
}

// crash ends the store without its help, if the power has not done so, and starts it again on what is left.
func (w *world) crash(loss disktest.Loss) {
	w.t.Helper()
	acked := w.die(loss)
	w.open()
	w.checkAll(acked)
}

// die ends the store without its help, if the power has not done so. It returns what every log must still hold.
func (w *world) die(loss disktest.Loss) (acked []int64) {
	w.t.Helper()
	if !w.plug.Off() {
		w.plug.PullNow(loss)
	}
	_, loss = w.plug.Crashed()
	for _, m := range w.logs {
		_ = m.await(w.t) // what was on its way may be durable
	}
	w.leave()
	for _, m := range w.logs {
		if m.loose && loss != disktest.Nothing {
			acked = append(acked, m.firm)
		} else {
			acked = append(acked, m.acknowledged())
		}
	}
	return acked
}

// leave ends the goroutines of a store without power, and gives the power back to what the crash has left.
func (w *world) leave() {
	if w.store != nil {
		_ = w.store.Close()
		w.store = nil
	}
	w.plug.FS, _ = w.plug.Crashed()
	w.plug.Pull(-1, disktest.Nothing)
}

// checkAll compares every log with what it must hold after a crash.
func (w *world) checkAll(acked []int64) {
	w.t.Helper()
	for i, m := range w.logs {
		w.check(m, acked[i])
		m.loose, m.firm = false, m.end()
	}
}

// restart stops the store properly and opens it again.
func (w *world) restart() {
	w.t.Helper()
	if err := w.store.Close(); err != nil {
		w.fatalf("close: %v", err)
	}
	w.open()
	for _, m := range w.logs {
		w.check(m, m.end())
	}
}

// check compares a log with what it must hold: everything below acked, and nothing that was not appended. What was
// appended and is not there is forgotten.
func (w *world) check(m *modelLog, acked int64) {
	w.t.Helper()
	l := m.log
	start, end := l.StartOffset(), l.EndOffset()
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
	if n := len(m.batches); n > 0 && !(m.cfg.Compact && m.truncated) {
		if last := m.batches[n-1].LeaderEpoch(); end > start {
			if e, ok := l.Epochs().Latest(); !ok || e != last {
				w.fatalf("%v has leader epoch %d, not %d", m.id, e, last)
			}
		}
	}
}

// forget takes the batches from end on out of the model.
func (m *modelLog) forget(end int64) {
	n := len(m.batches)
	for n > 0 && m.batches[n-1].NextOffset() > end {
		n--
	}
	m.batches = m.batches[:n]
	if end == m.start { // it may be durable before records without a sync that it has deleted: it is where the log goes on
		m.base = max(m.base, end)
	}
	m.seqs = map[int64]int32{}
	for _, b := range m.batches {
		if b.HasProducerID() {
			m.seqs[b.ProducerID()] = record.AddSequence(b.LastSequence(), 1)
		}
	}
}

// read returns the bytes from one offset to another, whole batches.
func (w *world) read(m *modelLog, from, to int64) []byte {
	w.t.Helper()
	var all []byte
	for from < to {
		s, err := m.log.Read(from, to, w.rand.IntN(5000))
		if err != nil {
			w.fatalf("read %v at %d: %v", m.id, from, err)
		}
		buf := make([]byte, s.Size)
		if err := s.ReadInto(buf); err != nil {
			w.fatalf("read %v at %d: %v", m.id, from, err)
		}
		s.Release()
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
		w.fatalf("%v from %d to %d has %d bytes, want %d, equal up to %d", m.id, start, end, len(got), len(want), common(got, want))
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
	if m.truncated { // the newest may have been cut off when older ones were gone already
		return
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
	if m.cfg.Compact && m.truncated { // what older batches said may be compacted away
		return
	}
	want := partition.NewProducers()
	for _, b := range m.batches {
		want.Append(b, 0)
	}
	got := map[int64]partition.Producer{}
	for p := range m.log.Producers().All() {
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
	}
	for id := range got {
		w.fatalf("%v has invented producer %d", m.id, id)
	}
}

// noteStart takes over where the log starts, after retention.
func (w *world) noteStart(m *modelLog) { m.start = m.log.StartOffset() }
