package replicas

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// memDisk is a disk in memory.
type memDisk struct {
	mu     sync.Mutex
	total  int64 // what is free, and what the reserve holds
	held   int64
	broken error
	sound  int // measurements that succeed before all fail by broken
}

// Measure implements ports.Disk.
func (d *memDisk) Measure() (space.Disk, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sound > 0 {
		d.sound--
		return space.Disk{Free: d.total - d.held, Held: d.held}, nil
	}
	return space.Disk{Free: d.total - d.held, Held: d.held}, d.broken
}

// Hold implements ports.Disk.
func (d *memDisk) Hold(n int64) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > d.total {
		return d.held, errors.New("no space left on device")
	}
	d.held = n
	return n, nil
}

// Close implements ports.Disk.
func (d *memDisk) Close() error { return nil }

// has sets the total space.
func (d *memDisk) has(total int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.total = total
	d.held = min(d.held, total)
}

func (d *memDisk) breaks(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
}

const (
	mebibyte  = 1 << 20
	muchSpace = 1 << 40
)

var testRule = space.NewRule(64*mebibyte, 0)

func newSpace(t testing.TB, d *memDisk) *Space {
	t.Helper()
	s, err := NewSpace(testRule, d, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecordsAreRefusedOnAFullDiskAndTakenWhenThereIsSpaceAgain(t *testing.T) {
	f, d := newFixture(t), &memDisk{total: muchSpace}
	s := newSpace(t, d)
	f.partitions.Within(s)
	if got := f.sent(t, newBatch(t, record.Options{}, "a")); got.Err != nil {
		t.Fatal(got.Err)
	}
	d.has(testRule.Floor(space.Records) - 1)
	s.review()
	got := f.sent(t, newBatch(t, record.Options{}, "refused"))
	if !errors.Is(got.Err, fault.KafkaStorageError) || got.BaseOffset != -1 || s.Refusal() == nil {
		t.Errorf("on a full disk: %+v", got)
	}
	b := newBatch(t, record.Options{}, "offsets")
	f.apply(t, metadata.CreateTopic{
		Name: metadata.OffsetsTopic, ID: metadata.TopicID{9}, Partitions: 1,
		ReplicationFactor: 1,
	})
	if _, err := f.partitions.Start(t.Context(), metadata.TopicID{9}, 0, -1, b); err != nil {
		t.Errorf("committed offsets: %v", err)
	}
	d.has(testRule.Floor(space.Records) + mebibyte)
	s.review()
	if got := f.sent(t, newBatch(t, record.Options{}, "refused")); got.Err == nil {
		t.Error("records are taken as soon as there is a little")
	}
	d.has(testRule.Resume())
	s.review()
	if got := f.sent(t, newBatch(t, record.Options{}, "b")); got.Err != nil || got.BaseOffset != 1 {
		t.Errorf("with space again: %+v", got)
	}
}

// TestADiskThatFailsBehindTheFirstMeasurementIsTakenForWhatItWas starts on a full disk, and on one with space.
func TestADiskThatFailsBehindTheFirstMeasurementIsTakenForWhatItWas(t *testing.T) {
	for total, full := range map[int64]bool{muchSpace: false, testRule.Floor(space.Records) - 1: true} {
		s := newSpace(t, &memDisk{total: total, broken: errors.New("input/output error"), sound: 1})
		err := s.take(space.Records, 1)
		if refused, ok := errors.AsType[*fault.Error](err); (err != nil) != full || full &&
			(!ok || refused == nil || !errors.Is(err, fault.KafkaStorageError)) {
			t.Errorf("with %d bytes a record is answered with %#v", total, err)
		}
		if refusal := s.Refusal(); (refusal != nil) != full {
			t.Errorf("with %d bytes records are refused for %v", total, refusal)
		}
	}
}

func TestADiskThatCannotBeMeasuredFloodsNoLog(t *testing.T) {
	var lines bytes.Buffer
	d := &memDisk{total: muchSpace}
	s, err := NewSpace(testRule, d, slog.New(slog.NewTextHandler(&lines, nil)))
	if err != nil {
		t.Fatal(err)
	}
	d.broken = errors.New("input/output error")
	for range 1000 {
		s.review()
	}
	if n := strings.Count(lines.String(), "cannot measure disk"); n == 0 || n > 10 {
		t.Errorf("%d lines for 1000 measurements", n)
	}
}

func TestABatchThatWasAppendedBeforeIsAcknowledgedOnAFullDisk(t *testing.T) {
	f, d := newFixture(t), &memDisk{total: muchSpace}
	s := newSpace(t, d)
	f.partitions.Within(s)
	again := record.Options{Producer: &record.Producer{ID: 7}}
	if got := f.sent(t, newBatch(t, again, "a")); got.Err != nil {
		t.Fatal(got.Err)
	}
	d.has(0)
	s.review()
	if got := f.sent(t, newBatch(t, again, "a")); got.Err != nil || got.BaseOffset != 0 {
		t.Errorf("the duplicate: %+v", got)
	}
}

func TestABatchBehindOneThatWasRefusedIsRefusedForTheSameReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, d := newFixture(t), &memDisk{total: muchSpace}
		s := newSpace(t, d)
		f.partitions.Within(s)
		sent := func(producer int64, sequence int32, value string) error {
			o := record.Options{Producer: &record.Producer{ID: producer, Sequence: sequence}}
			return f.sent(t, newBatch(t, o, value)).Err
		}
		if err := sent(7, 0, "a"); err != nil {
			t.Fatal(err)
		}
		d.has(testRule.Floor(space.Records) + 100)
		s.review()
		for n, value := range []string{strings.Repeat("large", 100), "small"} {
			if err := sent(7, 1+int32(n), value); !errors.Is(err, fault.KafkaStorageError) {
				t.Errorf("batch %d: %v", n, err)
			}
		}
		s.review()
		if err := sent(7, 2, "small"); !errors.Is(err, fault.KafkaStorageError) {
			t.Errorf("after a measurement: %v", err)
		}
		d.has(muchSpace)
		s.review()
		if err := sent(7, 2, "small"); !errors.Is(err, fault.KafkaStorageError) {
			t.Errorf("the batch before was refused, and there is space: %v", err)
		}
		if err := sent(8, 0, "taken"); err != nil {
			t.Errorf("another producer, with space: %v", err)
		}
		if err := sent(7, 3, "small"); !errors.Is(err, fault.KafkaStorageError) {
			t.Errorf("the batch before was refused, and another producer's was taken: %v", err)
		}
		for n, value := range []string{"large", "small"} {
			if err := sent(7, 1+int32(n), value); err != nil {
				t.Errorf("batch %d with space: %v", n, err)
			}
		}
		time.Sleep(gapPatience)
		if err := sent(7, 4, "small"); !errors.Is(err, fault.OutOfOrderSequence) {
			t.Errorf("a gap, later: %v", err)
		}
	})
}

func TestAProducerThatGoesOnToBeRefusedIsWaitedForAsLongAsTheDiskIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, d := newFixture(t), &memDisk{total: muchSpace}
		s := newSpace(t, d)
		f.partitions.Within(s)
		sent := func(sequence int32) error {
			o := record.Options{Producer: &record.Producer{ID: 7, Sequence: sequence}}
			return f.sent(t, newBatch(t, o, "a")).Err
		}
		if err := sent(0); err != nil {
			t.Fatal(err)
		}
		d.has(0)
		s.review()
		for range 10 {
			for sequence := range int32(2) {
				if err := sent(1 + sequence); !errors.Is(err, fault.KafkaStorageError) {
					t.Errorf("on a full disk: %v", err)
				}
			}
			time.Sleep(gapPatience / 2)
		}
		d.has(muchSpace)
		s.review()
		if err := sent(2); !errors.Is(err, fault.KafkaStorageError) {
			t.Errorf("the batch before was refused, and there is space: %v", err)
		}
	})
}

func TestABatchThatIsRefusedForAnotherReasonTakesNoSpace(t *testing.T) {
	f, d := newFixture(t), &memDisk{total: testRule.Floor(space.Records) + 10_000}
	s := newSpace(t, d)
	f.partitions.Within(s)
	topic, _ := f.store.Image().Topic("orders")
	p, err := f.partitions.Leader(t.Context(), topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := record.ParseProduced(newBatch(t, record.Options{}, strings.Repeat("a", 900)), 9)
	if err != nil {
		t.Fatal(err)
	}
	const epoch = 99 // in which this broker does not lead
	for range 30 {
		if err := p.appendIn(epoch, b, ack{acks: 1, done: unheard{}}, 0); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Fatalf("refused with %v", err)
		}
	}
	if err := p.append(b, ack{acks: 1, done: unheard{}}, 0); err != nil {
		t.Errorf("the first batch that is taken: %v", err)
	}
}

func TestTheReserveIsLentToWhatGoesOnAndTakenBack(t *testing.T) {
	d := &memDisk{total: muchSpace}
	s := newSpace(t, d)
	if d.held != testRule.Reserve {
		t.Fatalf("the reserve holds %d", d.held)
	}
	d.has(testRule.Reserve) // other processes have used the rest
	s.review()
	if d.held != testRule.Reserve {
		t.Errorf("the reserve holds %d: it has given something back that nobody needs", d.held)
	}
	if err := s.Room(space.Metadata, testRule.Working()); err != nil || d.total-d.held < testRule.Working() {
		t.Errorf("%v, %d bytes are free for tables, want %d", err, d.total-d.held, testRule.Working())
	}
	for range lending + 1 {
		s.review()
	}
	if free := d.total - d.held; free > testRule.Working()/2 {
		t.Errorf("%d bytes are still free for others to take", free)
	}
	if err := s.take(space.Internal, mebibyte); err != nil || d.total-d.held < mebibyte {
		t.Errorf("%v, %d bytes are free for committed offsets", err, d.total-d.held)
	}
	d.has(testRule.Floor(space.Metadata) - 1)
	if err := s.Room(space.Metadata, 0); err == nil {
		t.Error("metadata has room without space")
	}
	if err := s.Room(space.Agreed, 0); err != nil {
		t.Errorf("what is agreed on has none: %v", err)
	}
}

func TestADiskThatIsGoneTakesNothingAndOneThatDoesNotAnswerIsWhatItWas(t *testing.T) {
	f, d := newFixture(t), &memDisk{total: muchSpace}
	s := newSpace(t, d)
	f.partitions.Within(s)
	d.breaks(errors.New("interrupted"))
	s.review()
	if got := f.sent(t, newBatch(t, record.Options{}, "a")); got.Err != nil {
		t.Errorf("a measurement that has failed: %v", got.Err)
	}
	d.breaks(fmt.Errorf("the directory: %w", fs.ErrNotExist))
	s.review()
	if got := f.sent(t, newBatch(t, record.Options{}, "b")); !errors.Is(got.Err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v", got.Err)
	}
	if _, err := NewSpace(testRule, d, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("there is space on a disk that cannot be measured")
	}
}

func TestTheDiskIsMeasuredSoonWhereLittleIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &memDisk{total: testRule.Floor(space.Records) + 10*mebibyte}
		s := newSpace(t, d)
		go func() { _ = s.Run(t.Context()) }()
		if err := s.take(space.Records, 9*mebibyte); err != nil {
			t.Fatal(err)
		}
		if s.take(space.Records, 9*mebibyte) == nil {
			t.Error("there is more than there was")
		}
		d.has(muchSpace)
		time.Sleep(2 * measurePause)
		if err := s.take(space.Records, 9*mebibyte); err != nil {
			t.Errorf("after %v: %v", 2*measurePause, err)
		}
	})
}

// crowd gives a broker of the ring a disk of its own, which full fills or empties.
func (b *ringBroker) crowd() (d *memDisk, full func(bool)) {
	b.t.Helper()
	d = &memDisk{total: muchSpace}
	s := newSpace(b.t, d)
	for p := range b.partitions.Open() {
		p.space = s
	}
	b.partitions.Within(s)
	return d, func(full bool) {
		d.has(muchSpace)
		if full {
			d.has(testRule.Floor(space.Records) - mebibyte)
		}
		s.review()
	}
}

func TestAFollowerWithoutSpaceLeavesTheISRWhenItLacksSomethingAndComesBackByItself(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		_, full := r.broker(3).crowd()
		r.broker(1).sent("orders", "a")
		full(true)
		time.Sleep(10 * ringLag)
		r.agree("orders", []int32{1, 2, 3}, "a") // nothing is to be appended
		if took, err := answered(t, r.broker(1).send("orders", -1, "b")); err != nil || took > time.Second {
			t.Errorf("answered with %v after %v", err, took)
		}
		r.agree("orders", []int32{1, 2}, "a", "b")
		before := r.fetches(1)
		time.Sleep(10 * time.Second)
		if n := r.fetches(1) - before; n > 2*20+20 {
			t.Errorf("%d fetches in 10 s of which one follower can take nothing", n)
		}
		full(false)
		r.agree("orders", []int32{1, 2, 3}, "a", "b")
	})
}

func TestAFollowerThatIsAskedToAppendDoesNotLackSpace(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		_, full := r.broker(3).crowd()
		r.broker(1).sent("orders", "a")
		full(true)
		p := r.broker(3).replica()
		b, err := record.ParseProduced(newBatch(t, record.Options{}, "a"), 9)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.append(b, ack{acks: 1, done: unheard{}}, 0); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("a follower appends: %v", err)
		}
		if _, ok := p.yields(); ok {
			t.Error("a follower that lacks nothing leaves the ISR for what its leader is to append")
		}
	})
}

func TestAFollowerWithoutSpaceAsksForOneBatchASecond(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		_, full := r.broker(3).crowd()
		r.broker(1).sent("orders", "a")
		full(true)
		for range 100 {
			r.broker(1).sent("orders", "b")
		}
		time.Sleep(2 * fetchRestore)
		one, before := int64(len(newBatch(t, record.Options{}, "b"))), r.broker(3).fetched.Load()
		time.Sleep(10 * fetchRestore)
		if n := (r.broker(3).fetched.Load() - before) / one; n < 8 || n > 11 {
			t.Errorf("%d batches are fetched in ten seconds of which none can be taken", n)
		}
	})
}

func TestALeaderWithoutSpaceGivesUpItsLeadWithoutLosingARecord(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		_, full := r.broker(1).crowd()
		r.broker(1).sent("orders", "a")
		if _, err := answered(t, r.broker(1).send("orders", 1, "only the leader has it yet")); err != nil {
			t.Fatal(err)
		}
		full(true)
		if _, err := answered(t, r.broker(1).send("orders", -1, "refused")); !errors.Is(err, fault.KafkaStorageError) {
			t.Errorf("without space: %v", err)
		}
		time.Sleep(time.Second)
		if at := r.at("orders"); at.Leader == 1 || slices.Contains(at.ISR, 1) && len(at.ISR) < 2 {
			t.Fatalf("it leads on: %+v", at)
		}
		r.broker(r.at("orders").Leader).sent("orders", "b")
		r.agree("orders", []int32{2, 3}, "a", "only the leader has it yet", "b")
		full(false)
		r.agree("orders", []int32{1, 2, 3}, "a", "only the leader has it yet", "b")
	})
}

func TestALeaderThatHadSpaceMeanwhileGivesUpItsLeadAgain(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		_, full := r.broker(1).crowd()
		r.broker(1).sent("orders", "a")
		topic, _ := r.store.Image().Topic("orders")
		for _, value := range []string{"b", "c"} {
			full(true)
			if _, err := answered(t, r.broker(1).send("orders", -1, "refused")); !errors.Is(err, fault.KafkaStorageError) {
				t.Errorf("without space: %v", err)
			}
			time.Sleep(time.Second)
			if at := r.at("orders"); at.Leader == 1 {
				t.Fatalf("it leads on: %+v", at)
			}
			r.broker(r.at("orders").Leader).sent("orders", value)
			full(false)
			time.Sleep(5 * time.Second)
			r.apply(metadata.ElectLeader{TopicID: topic.ID, Partition: 0})
			time.Sleep(time.Second)
		}
		r.agree("orders", []int32{1, 2, 3}, "a", "b", "c")
	})
}

func TestTheLeadDoesNotGoRoundWhereAllDisksAreFull(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		var fulls []func(bool)
		for _, b := range r.brokers {
			_, full := b.crowd()
			fulls = append(fulls, full)
			full(true)
		}
		before := r.at("orders").LeaderEpoch
		for range 60 {
			_, err := answered(t, r.broker(r.at("orders").Leader).send("orders", -1, "refused"))
			if err == nil {
				t.Error("taken without space")
			}
			time.Sleep(time.Second)
		}
		if changes := r.at("orders").LeaderEpoch - before; changes > 3 {
			t.Errorf("the leader has changed %d times in a minute", changes)
		}
		for _, full := range fulls {
			full(false)
		}
		r.agree("orders", []int32{1, 2, 3}, "a")
		r.broker(r.at("orders").Leader).sent("orders", "b")
	})
}
