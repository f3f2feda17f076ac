package seglog

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/checkpoint"
	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// copiedFiles are the checkpoint files that are kept twice.
var copiedFiles = []string{recoveryFile, logStartFile}

// stoppedAt leaves a directory with one log of 20 records that starts at 15, closed properly.
func stoppedAt(t *testing.T) (*disktest.FS, Options) {
	t.Helper()
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
	s, l, f := openIn(t, opt, testID)
	appendBatch(t, l, 20)
	f.await(t, 20)
	if err := errors.Join(l.AdvanceStart(t.Context(), 15), s.Close()); err != nil {
		t.Fatal(err)
	}
	return fs, opt
}

// openIn opens a store and one log of it.
func openIn(t *testing.T, opt Options, id ports.LogID) (*Store, *Log, *witness) {
	t.Helper()
	s, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f := newWitness()
	l, err := s.Open(t.Context(), id, &ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}, new(partition.State), f)
	if err != nil {
		t.Fatal(err)
	}
	f.durable = l.DurableEnd()
	return s, l.(*Log), f
}

// TestNoDamagedByteOfACheckpointFileUndoesWhatItSays changes each byte of the files, one after the other. Where one is
// damaged its copy says what it said; where both are, the store does not open and says what to do.
func TestNoDamagedByteOfACheckpointFileUndoesWhatItSays(t *testing.T) {
	fs, opt := stoppedAt(t)
	for _, name := range copiedFiles {
		content, err := readFile(fs, "/data/"+name)
		if err != nil {
			t.Fatal(err)
		}
		for at := range content {
			for _, change := range []byte{1, 4, 16, 128} {
				left := fs.Crash(disktest.Nothing, nil)
				edit(t, left, "/data/"+name, func(content []byte) { content[at] ^= change })
				opt.FS = left
				s, l, _ := openIn(t, opt, testID)
				if l.StartOffset() != 15 || l.EndOffset() != 20 || s.points.of[testName] != 20 {
					t.Errorf("with bit %d of byte %d of %s changed the log has offsets %d to %d, synced up to %d",
						change, at, name, l.StartOffset(), l.EndOffset(), s.points.of[testName])
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, second := range []string{"", "0\n", "0\n7\norders 0 3\n", "x"} {
			left := fs.Crash(disktest.Nothing, nil)
			edit(t, left, "/data/"+name, func(content []byte) { content[len(content)-2] ^= 1 })
			overwrite(t, left, "/data/"+name+copySuffix, []byte(second))
			opt.FS = left
			if _, err := Open(t.Context(), opt); !errors.Is(err, fault.KafkaStorageError) ||
				!strings.Contains(err.Error(), "/data/"+name) {
				t.Errorf("with both of %s damaged the store opens with %v", name, err)
			}
		}
	}
}

var testName = nameOf(testID)

// TestACheckpointFileIsMadeWholeAgain takes one of the two away, or puts one without a checksum there, as Kafka writes
// it. It is used, and both are as they should be after the next stop.
func TestACheckpointFileIsMadeWholeAgain(t *testing.T) {
	fs, opt := stoppedAt(t)
	for _, name := range copiedFiles {
		whole, err := readFile(fs, "/data/"+name)
		if err != nil {
			t.Fatal(err)
		}
		plain := fmt.Appendf(nil, "0\n1\norders 0 %d\n", map[string]int{recoveryFile: 20, logStartFile: 15}[name])
		for what, change := range map[string]func(*disktest.FS) error{
			"the file is missing": func(fs *disktest.FS) error { return fs.Remove("/data/" + name) },
			"the copy is missing": func(fs *disktest.FS) error { return fs.Remove("/data/" + name + copySuffix) },
			"the copy is older": func(fs *disktest.FS) error {
				return replaceFile(fs, "/data/"+name+copySuffix, []byte("0\n0\n"))
			},
			"there is Kafka's only": func(fs *disktest.FS) error {
				return errors.Join(replaceFile(fs, "/data/"+name, plain), fs.Remove("/data/"+name+copySuffix))
			},
			"Kafka has written after us": func(fs *disktest.FS) error {
				return errors.Join(
					replaceFile(fs, "/data/"+name, plain), replaceFile(fs, "/data/"+name+copySuffix, checkpoint.FormatOffsets(nil)),
				)
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				left := fs.Crash(disktest.Nothing, nil)
				if err := change(left); err != nil {
					t.Fatal(err)
				}
				opt.FS = left
				s, l, _ := openIn(t, opt, testID)
				if l.StartOffset() != 15 || s.points.of[testName] != 20 {
					t.Errorf("the log starts at %d, synced up to %d", l.StartOffset(), s.points.of[testName])
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				for _, path := range []string{"/data/" + name, "/data/" + name + copySuffix} {
					if got, err := readFile(left, path); err != nil || !bytes.Equal(got, whole) {
						t.Errorf("%s is %q, %v, want %q", path, got, err, whole)
					}
				}
			})
		}
	}
}

// TestTheIndexAndCleanerPointsAreDispensable damages what costs nothing but time.
func TestTheIndexAndCleanerPointsAreDispensable(t *testing.T) {
	fs, opt := stoppedAt(t)
	for _, name := range []string{indexFile, cleanerFile} {
		opt.FS = fs.Crash(disktest.Nothing, nil)
		overwrite(t, opt.FS, "/data/"+name, []byte("0\n1\nrubbish\n"))
		s, l, _ := openIn(t, opt, testID)
		wantOffsets(t, offsets(t, l, 4000), 15, 20)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnErrorForgetsNothingOfADeletedLog deletes a log while one kind of operation fails, as on a full disk, and makes
// the topic again when the disk works again: nothing of the deleted log is in a checkpoint file when the new one opens.
func TestAnErrorForgetsNothingOfADeletedLog(t *testing.T) {
	checkpoint := func(path string) bool {
		return strings.HasPrefix(path, "/data/") && strings.Contains(path, "-checkpoint")
	}
	for _, op := range []disktest.Op{
		disktest.OpOpen, disktest.OpWrite, disktest.OpSync, disktest.OpRename, disktest.OpSyncDir,
	} {
		for _, how := range []string{"checkpoints are written meanwhile", "the topic is created again meanwhile", "both"} {
			t.Run(string(op)+" fails, "+how, func(t *testing.T) {
				fs := disktest.New()
				opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
				s, l, f := openIn(t, opt, testID)
				appendBatch(t, l, 20)
				f.await(t, 20)
				if err := errors.Join(l.AdvanceStart(t.Context(), 15), l.checkpoint(), s.Delete(t.Context(), testID)); err != nil {
					t.Fatal(err)
				}
				fs.Fail(func(asked disktest.Op, path string) error {
					if asked == op && (checkpoint(path) || path == "/data") {
						return syscall.ENOSPC
					}
					return nil
				})
				fresh, cfg := testID, ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
				fresh.TopicID = [16]byte{9}
				if how != "the topic is created again meanwhile" {
					if err := s.writeAllCheckpoints(s.opened()); !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("checkpoints are written with %v", err)
					}
				}
				if how != "checkpoints are written meanwhile" {
					for range 2 {
						if _, err := s.Open(
							t.Context(), fresh, &cfg, new(partition.State), newWitness(),
						); !errors.Is(err, syscall.ENOSPC) {
							t.Fatalf("the new log opens with %v", err)
						}
					}
				}
				fs.Fail(nil)
				f = newWitness()
				again, err := s.Open(t.Context(), fresh, &cfg, new(partition.State), f)
				if err != nil {
					t.Fatal(err)
				}
				for _, name := range []string{recoveryFile, indexFile, logStartFile, cleanerFile} {
					content, err := readFile(fs, "/data/"+name)
					if err != nil || bytes.Contains(content, []byte(testID.Topic+" ")) {
						t.Errorf("%s still names the log: %q, %v", name, content, err)
					}
				}
				appendBatch(t, again.(*Log), 10)
				f.await(t, 10)
				left := fs.Crash(disktest.Unsynced, nil)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				for what, left := range map[string]*disktest.FS{"a clean stop": fs, "a loss of power": left} {
					opt.FS = left
					_, l, _ := openIn(t, opt, fresh)
					if l.StartOffset() != 0 || l.EndOffset() != 10 {
						t.Errorf("after %s the new log has offsets %d to %d", what, l.StartOffset(), l.EndOffset())
					}
				}
			})
		}
	}
}

// TestAStartThatCouldNotBeWrittenIsForgottenWhereTheLogIsTruncated raises a log's start in vain, and cuts the log
// below.
func TestAStartThatCouldNotBeWrittenIsForgottenWhereTheLogIsTruncated(t *testing.T) {
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
	s, l, f := openIn(t, opt, testID)
	for i := range int64(20) {
		appendBatch(t, l, 1)
		f.await(t, i+1)
	}
	fs.Fail(func(op disktest.Op, path string) error {
		if op == disktest.OpWrite && strings.Contains(path, logStartFile) {
			return syscall.ENOSPC
		}
		return nil
	})
	if err := l.AdvanceStart(t.Context(), 15); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the start is raised with %v", err)
	}
	fs.Fail(nil)
	if err := l.Truncate(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.durable = 5 })
	appendBatch(t, l, 5)
	f.await(t, 10)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, l, _ = openIn(t, opt, testID)
	if l.StartOffset() != 0 || l.EndOffset() != 10 {
		t.Errorf("the log has offsets %d to %d", l.StartOffset(), l.EndOffset())
	}
}

// TestALogThatWasHalfCreatedIsCreatedAgain fails each operation of making a log in turn. The next try makes it whole: a
// loss of power takes nothing that is appended then.
func TestALogThatWasHalfCreatedIsCreatedAgain(t *testing.T) {
	for i := 0; ; i++ {
		fs := disktest.New()
		opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		n, failed := 0, ""
		fs.Fail(func(op disktest.Op, path string) error {
			if op == disktest.OpReadDir && path == opt.Dir {
				return nil // the store's own upkeep, at any time
			}
			if n++; n == i+1 {
				failed = string(op) + " " + path
				return syscall.EIO
			}
			return nil
		})
		cfg := ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}
		_, err = s.Open(t.Context(), testID, &cfg, new(partition.State), newWitness())
		fs.Fail(nil)
		if failed == "" {
			if err := errors.Join(err, s.Close()); err != nil {
				t.Fatal(err)
			}
			return
		}
		if err == nil {
			t.Fatalf("the log opens though %s fails", failed)
		}
		f := newWitness()
		l, err := s.Open(t.Context(), testID, &cfg, new(partition.State), f)
		if err != nil {
			t.Fatalf("after %s had failed: %v", failed, err)
		}
		appendBatch(t, l.(*Log), 5)
		f.await(t, 5)
		opt.FS = fs.Crash(disktest.Unsynced, nil)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, l, _ := openIn(t, opt, testID); l.EndOffset() != 5 {
			t.Errorf("%s has failed, and after a loss of power the log ends at %d", failed, l.EndOffset())
		}
	}
}

// TestNoSlotIsKeptForLogsThatAreGone opens, deletes and looks for many logs.
func TestNoSlotIsKeptForLogsThatAreGone(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: "/data", FS: disktest.New(), Journal: journal.Options{FileBytes: 32 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range int32(50) {
		id := ports.LogID{Topic: "orders", TopicID: [16]byte{1}, Partition: i}
		_, err := s.Open(t.Context(), id, &ports.LogConfig{}, new(partition.State), newWitness())
		other := id
		other.TopicID = [16]byte{2}
		missing := ports.LogID{Topic: "nothing", Partition: i}
		if err := errors.Join(err, s.Delete(t.Context(), other), s.Delete(t.Context(), missing)); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			if err := s.Delete(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := slices.Collect(maps.Keys(s.slots)); !slices.Equal(got, []logName{{Topic: "orders", Partition: 0}}) {
		t.Errorf("places of %v", got)
	}
}
