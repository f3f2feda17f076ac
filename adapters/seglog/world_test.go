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
	f         *witness
	batches   []record.Batch  // appended, in order
	seqs      map[int64]int32 // next sequence of each producer
	epoch     int32
	found     []partition.EpochStart // the leader epochs that the last opening has handed over
	opened    bool                   // nothing was done with the log since
	firm      int64                  // what is durable whatever the flush policy was before
	loose     bool                   // something was appended that is not to be synced
	start     int64                  // log start offset
	base      int64                  // where the log goes on when nothing above its start was kept
	committed int64                  // below is committed: the log is cleaned up to here, and never cut below
	askedFor  int64                  // answered AdvanceStart
	resetting *int64                 // where the log starts after a reset that was not answered
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t:    t,
		seed: seed,
		rand: rand.New(rand.NewPCG(seed, 1)),
		plug: disktest.NewPlug(rand.New(rand.NewPCG(seed, 2))),
	}
	w.opt = Options{
		Dir:          "/data",
		FS:           w.plug,
		Log:          slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelError})),
		MaxOpenFiles: 1 + w.rand.IntN(20),
		Journal: journal.Options{
			FileBytes:   32 << 10,
			MaxFiles:    2 + w.rand.IntN(3),
			DirectBytes: []int{-1, 2000, 0}[w.rand.IntN(3)],
		},
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
		w.logs = append(
			w.logs, &modelLog{id: ports.LogID{Topic: fmt.Sprintf("topic-%d", i/2), Partition: int32(i % 2)}, cfg: cfg},
		)
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
	*m = modelLog{
		id:   ports.LogID{Topic: m.id.Topic, Partition: m.id.Partition, TopicID: [16]byte{w.ids}},
		cfg:  m.cfg,
		seqs: map[int64]int32{},
	}
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
	f := newWitness()
	cfg := m.cfg // which the test changes later
	state := new(partition.State)
	l, err := w.store.Open(context.Background(), m.id, &cfg, state, f)
	if err != nil {
		return err
	}
	m.found, m.opened = state.TakeEpochs(), true
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
	if w.rand.IntN(8) == 0 { // as from a leader that has compacted
		o.BaseOffset += 1 + w.rand.Int64N(20)
	}
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
	m.opened = false
	for range 1 + w.rand.IntN(6) {
		var batches []record.Batch
		var begun []partition.EpochStart
		for range 1 + w.rand.IntN(3) {
			b, n := w.next(m), len(m.batches)
			batches = append(batches, slices.Clone(b))
			m.batches = append(m.batches, b)
			if n == 0 || m.batches[n-1].LeaderEpoch() != b.LeaderEpoch() {
				begun = m.epochs()
			}
		}
		if err := m.log.Append(batches, begun, time.UnixMilli(1000)); err != nil {
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
