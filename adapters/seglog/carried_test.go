package seglog

import (
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// crashedWithTwo is what a crash with a loss leaves of a store with logs of the topics a and b,
// each with the offsets 0 to 20.
func crashedWithTwo(
	t *testing.T, cfg ports.LogConfig, loss disktest.Loss,
) (left *disktest.FS, opt Options, logs []*Log) {
	t.Helper()
	fs := disktest.New()
	opt = Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"a", "b"})
	for n := range int64(4) {
		for i, l := range logs {
			appendBatch(t, l, 5)
			witnesses[i].await(t, 5*n+5)
		}
	}
	left = fs.Crash(loss, nil)
	_ = s.Close()
	opt.FS = left
	return left, opt, logs
}

// TestALogThatCannotBeRecoveredAtTheStartIsLater has one log fail at a start after a crash. The others are recovered;
// it has all that was acknowledged as soon as what was wrong is over, in that run or after more starts.
func TestALogThatCannotBeRecoveredAtTheStartIsLater(t *testing.T) {
	ofA := func(path string) bool { return strings.HasPrefix(path, "/data/a-0/") }
	segment := func(path string) bool { return ofA(path) && strings.HasSuffix(path, logSuffix) }
	for name, fails := range map[string]func(op disktest.Op, path string) error{
		"too many open files": func(op disktest.Op, path string) error {
			if op == disktest.OpOpen && segment(path) {
				return syscall.EMFILE
			}
			return nil
		},
		"the directory cannot be read": func(op disktest.Op, path string) error {
			if op == disktest.OpReadDir && strings.HasPrefix(path, "/data/a-0") {
				return syscall.EIO
			}
			return nil
		},
		"partition.metadata cannot be read": func(op disktest.Op, path string) error {
			if op == disktest.OpRead && ofA(path) && strings.HasSuffix(path, partitionFile) {
				return syscall.EIO
			}
			return nil
		},
		"no space for what is replayed": func(op disktest.Op, path string) error {
			if op == disktest.OpWrite && segment(path) {
				return syscall.ENOSPC
			}
			return nil
		},
		"the segment cannot be synced": func(op disktest.Op, path string) error {
			if op == disktest.OpSync && segment(path) {
				return syscall.EIO
			}
			return nil
		},
	} {
		for _, loss := range []disktest.Loss{disktest.Nothing, disktest.Unsynced} {
			for starts := 1; starts <= 3; starts++ { // with the fault
				t.Run(name+" after "+loss.String(), func(t *testing.T) {
					cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
					left, opt, logs := crashedWithTwo(t, cfg, loss)
					var s *Store
					end := int64(20)
					for start := range starts {
						var failed atomic.Bool
						left.Fail(func(op disktest.Op, path string) error {
							err := fails(op, path)
							failed.Store(failed.Load() || err != nil)
							return err
						})
						_, others, fresh := openNamed(t, opt, cfg, []string{"b"})
						wantOffsets(t, offsets(t, others[0], 4000), 0, end)
						for range 30 { // the journal's files are used again
							appendBatch(t, others[0], 5)
							end += 5
							fresh[0].await(t, end)
						}
						if start == starts-1 {
							s = others[0].store
						} else if err := others[0].store.Close(); err != nil {
							t.Error(err)
						}
						if !failed.Load() && loss == disktest.Unsynced {
							t.Error("nothing has failed")
						}
					}
					left.Fail(nil)
					f := newWitness()
					l, err := s.Open(t.Context(), logs[0].id, &cfg, new(partition.State), f)
					if err != nil {
						t.Fatalf("what was wrong is over: %v", err)
					}
					wantOffsets(t, offsets(t, l.(*Log), 4000), 0, 20)
					appendBatch(t, l.(*Log), 5)
					f.await(t, 25)
					left = left.Crash(disktest.Unsynced, nil)
					_ = s.Close()
					opt.FS = left
					_, again, _ := openNamed(t, opt, cfg, []string{"a", "b"})
					wantOffsets(t, offsets(t, again[0], 4000), 0, 25)
					wantOffsets(t, offsets(t, again[1], 4000), 0, end)
				})
			}
		}
	}
}

// TestADamagedTopicIDConcernsItsLogAlone damages the file that names the topic, and repairs it.
func TestADamagedTopicIDConcernsItsLogAlone(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10, DirectBytes: -1}}
	cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
	s, logs, witnesses := openNamed(t, opt, cfg, []string{"a", "b"})
	for i, l := range logs {
		appendBatch(t, l, 5)
		witnesses[i].await(t, 5)
	}
	left := fs.Crash(disktest.Unsynced, nil)
	_ = s.Close()
	opt.FS = left
	change := func() {
		edit(t, left, "/data/a-0/"+partitionFile, func(content []byte) { content[len(content)-1] ^= 0x80 })
	}
	change()
	s, others, _ := openNamed(t, opt, cfg, []string{"b"})
	wantOffsets(t, offsets(t, others[0], 4000), 0, 5)
	if _, err := s.Open(t.Context(), logs[0].id, &cfg, new(partition.State), newWitness()); err == nil ||
		!strings.Contains(err.Error(), "a-0/"+partitionFile) {
		t.Errorf("opening the other log: %v", err)
	}
	change()
	l, err := s.Open(t.Context(), logs[0].id, &cfg, new(partition.State), newWitness())
	if err != nil {
		t.Fatal(err)
	}
	wantOffsets(t, offsets(t, l.(*Log), 4000), 0, 5)
}

// TestALogThatIsTruncatedDoesNotGetBackWhatTheJournalHasCarried recovers a log late, whose file the journal still
// keeps for another, and truncates it.
func TestALogThatIsTruncatedDoesNotGetBackWhatTheJournalHasCarried(t *testing.T) {
	cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
	left, opt, logs := crashedWithTwo(t, cfg, disktest.Unsynced)
	failing := func(topics ...string) {
		left.Fail(func(op disktest.Op, path string) error {
			for _, topic := range topics {
				if op == disktest.OpOpen && strings.HasPrefix(path, "/data/"+topic+"-0/") {
					return syscall.EMFILE
				}
			}
			return nil
		})
	}
	failing("a", "b")
	s, _, _ := openNamed(t, opt, cfg, nil)
	failing("b")
	l, err := s.Open(t.Context(), logs[0].id, &cfg, new(partition.State), newWitness())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Truncate(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	for range 2 { // b keeps the file
		left = left.Crash(disktest.Unsynced, nil)
		_ = s.Close()
		opt.FS = left
		failing("b")
		var again []*Log
		s, again, _ = openNamed(t, opt, cfg, []string{"a"})
		wantOffsets(t, offsets(t, again[0], 4000), 0, 10)
	}
	left.Fail(nil)
	l, err = s.Open(t.Context(), logs[1].id, &cfg, new(partition.State), newWitness())
	if err != nil {
		t.Fatal(err)
	}
	wantOffsets(t, offsets(t, l.(*Log), 4000), 0, 20)
}
