package seglog

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestAFailedDiskTakesOfflineWhatItHoldsAndLosesNothing fails one kind of operation from a moment on. The logs that it
// concerns go offline and stay so when the disk works again, as the kernel may have dropped what was not synced;
// others go on; the next start has all that was acknowledged, and takes more.
func TestAFailedDiskTakesOfflineWhatItHoldsAndLosesNothing(t *testing.T) {
	inJournal := func(path string) bool { return strings.Contains(path, "/journal/") }
	ofA := func(path string) bool {
		return strings.HasPrefix(path, "/data/a-0/") && strings.HasSuffix(path, logSuffix)
	}
	for _, c := range []struct {
		name   string
		err    error
		fails  func(op disktest.Op, path string) bool
		direct int // see journal.Options
		others bool
	}{
		{"the journal cannot be synced", syscall.EIO, func(op disktest.Op, path string) bool {
			return op == disktest.OpSync && inJournal(path)
		}, -1, false},
		{"one log's segment cannot be synced", syscall.EIO, func(op disktest.Op, path string) bool {
			return op == disktest.OpSync && ofA(path)
		}, 1, true},
		{"the journal cannot be written", syscall.EIO, func(op disktest.Op, path string) bool {
			return op == disktest.OpWrite && inJournal(path)
		}, -1, false},
		{"one log's segment cannot be written", syscall.EIO, func(op disktest.Op, path string) bool {
			return op == disktest.OpWrite && ofA(path)
		}, -1, true},
		{"one log's next segment cannot be made", syscall.EROFS, func(op disktest.Op, path string) bool {
			return op == disktest.OpOpen && ofA(path) && !strings.HasSuffix(path, segmentName(0, logSuffix))
		}, -1, true},
		{"nothing can be written", syscall.EIO, func(op disktest.Op, _ string) bool {
			return op == disktest.OpWrite
		}, -1, false},
		{"nothing can be written, around the journal", syscall.EIO, func(op disktest.Op, _ string) bool {
			return op == disktest.OpWrite
		}, 1, false},
		{"no space is found at the sync", syscall.ENOSPC, func(op disktest.Op, path string) bool {
			return op == disktest.OpSync && inJournal(path)
		}, -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			fs := disktest.New()
			opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: c.direct}}
			names := []string{"a", "b"}
			cfg := ports.LogConfig{SegmentBytes: 1000, RetentionAge: -1, RetentionBytes: -1}
			s, logs, witnesses := openNamed(t, opt, cfg, names)
			put := func(l *Log) error {
				return l.Append([]record.Batch{batch(t, l, 20, 1000)}, nil, time.Now())
			}
			for i, l := range logs {
				if err := errors.Join(put(l), witnesses[i].awaitOutcome(t, 20)); err != nil {
					t.Fatal(err)
				}
			}
			fs.Fail(func(op disktest.Op, path string) error {
				if c.fails(op, path) {
					return c.err
				}
				return nil
			})
			for i, l := range logs { // more than one segment takes
				err := errors.Join(put(l), witnesses[i].awaitOutcome(t, 40))
				if i == 1 && c.others {
					if err != nil {
						t.Errorf("a log with a sound file fails: %v", err)
					}
					continue
				}
				if !errors.Is(err, c.err) {
					t.Errorf("log %s goes offline by %v", names[i], err)
				}
			}
			fs.Fail(nil)
			throughJournal := c.direct < 0
			if err := s.Err(); throughJournal && !c.others != errors.Is(err, c.err) {
				t.Errorf("the store fails by %v", err)
			}
			for i, l := range logs {
				err := put(l)
				if i == 1 && c.others {
					if err := errors.Join(err, witnesses[i].awaitOutcome(t, 60)); err != nil {
						t.Error(err)
					}
					continue
				}
				if !errors.Is(err, fault.KafkaStorageError) || !errors.Is(l.Sync(), fault.KafkaStorageError) {
					t.Errorf("an append to %s after the failure: %v; a sync: %v", names[i], err, l.Sync())
				}
				wantOffsets(t, offsets(t, l, 4000), 0, 20) // what was acknowledged can still be read
				if witnesses[i].durable != 20 || l.DurableEnd() != 20 {
					t.Errorf("%s has announced %d, durable is %d", names[i], witnesses[i].durable, l.DurableEnd())
				}
			}
			killed := fs.Crash(disktest.Nothing, nil)
			unplugged := fs.Crash(disktest.Unsynced, nil)
			torn := fs.Crash(disktest.SomeBlocks, rand.New(rand.NewPCG(1, 1)))
			_ = s.Close() // says what has failed
			for how, left := range map[string]*disktest.FS{
				"closed": fs, "killed": killed, "unplugged": unplugged, "unplugged and torn": torn,
			} {
				opt := opt
				opt.FS = left
				s, again, fresh := openNamed(t, opt, cfg, names)
				for i, l := range again {
					if end := l.EndOffset(); end < witnesses[i].durable || end%20 != 0 {
						t.Errorf("%s: %s ends at %d, acknowledged was %d", how, names[i], end, witnesses[i].durable)
					}
					wantOffsets(t, offsets(t, l, 4000), 0, l.EndOffset())
					end := l.EndOffset() + 20
					if err := errors.Join(put(l), fresh[i].awaitOutcome(t, end)); err != nil {
						t.Errorf("%s: %s takes nothing: %v", how, names[i], err)
					}
					wantOffsets(t, offsets(t, l, 4000), 0, end)
				}
				if err := s.Close(); err != nil {
					t.Errorf("%s: %v", how, err)
				}
			}
		})
	}
}

// openNamed opens a store with one log for each topic.
func openNamed(t *testing.T, opt Options, cfg ports.LogConfig, topics []string) (*Store, []*Log, []*witness) {
	t.Helper()
	s, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	var logs []*Log
	var witnesses []*witness
	for _, topic := range topics {
		f := newWitness()
		l, err := s.Open(t.Context(), ports.LogID{Topic: topic, TopicID: [16]byte{1}}, &cfg, new(partition.State), f)
		if err != nil {
			t.Fatal(err)
		}
		f.durable = l.DurableEnd()
		logs, witnesses = append(logs, l.(*Log)), append(witnesses, f)
	}
	return s, logs, witnesses
}
