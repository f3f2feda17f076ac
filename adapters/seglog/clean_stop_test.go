package seglog

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// crashedWith leaves a directory with two logs, a of 10 records and b of 10, of which nothing is in the journal, and
// which a crash has left with tail behind its first segment's end.
func crashedWith(t *testing.T, tail func(next []byte) []byte) (*disktest.FS, Options) {
	t.Helper()
	fs := disktest.New()
	opt := Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 32 << 10}}
	s, logs, witnesses := openNamed(t, opt, ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}, []string{"a", "b"})
	for i, l := range logs {
		for k := range int64(10) {
			appendBatch(t, l, 1)
			witnesses[i].await(t, k+1)
		}
	}
	next := batch(t, logs[1], 1, 1000)
	if err := errors.Join(s.Close(), fs.Remove("/data/"+cleanShutdownFile)); err != nil {
		t.Fatal(err)
	}
	path := "/data/b-0/" + segmentName(0, logSuffix)
	content, err := readFile(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, fs, path, append(content, tail(next)...))
	return fs, opt
}

func half(next []byte) []byte { return next[:len(next)/2] }

func flipped(next []byte) []byte {
	next[len(next)-3] ^= 1
	return next
}

// openOne opens a store and the log of one topic, as openNamed makes them.
func openOne(t *testing.T, opt Options, topic string) (*Store, ports.Log, error) {
	t.Helper()
	s, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l, err := s.Open(
		t.Context(), ports.LogID{Topic: topic, TopicID: [16]byte{1}}, &ports.LogConfig{RetentionAge: -1, RetentionBytes: -1},
		new(partition.State), newWitness(),
	)
	return s, l, err
}

// TestALogIsCheckedHoweverManyProperStopsLieBetween has runs follow a crash that do not open
// the log that has a torn end.
func TestALogIsCheckedHoweverManyProperStopsLieBetween(t *testing.T) {
	for what, tail := range map[string]func([]byte) []byte{"half of a batch": half, "a damaged batch": flipped} {
		for runs := range 4 {
			_, opt := crashedWith(t, tail)
			for range runs {
				s, _, err := openOne(t, opt, "a")
				if err := errors.Join(err, s.Close()); err != nil {
					t.Fatal(err)
				}
			}
			s, l, err := openOne(t, opt, "b")
			if err != nil {
				t.Fatalf("%s, %d runs later: all that was acknowledged is sound, and the log does not open: %v", what, runs, err)
			}
			if l.EndOffset() != 10 {
				t.Errorf("%s, %d runs later, is taken for records: the log ends at %d", what, runs, l.EndOffset())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAProperStopListsTheLogsThatWereNotChecked counts what is read of a log that the run after a crash has opened,
// and of one that it has not: only the second is checked again. When all have been, Kafka's mark is left.
func TestAProperStopListsTheLogsThatWereNotChecked(t *testing.T) {
	fs, opt := crashedWith(t, half)
	for run, c := range []struct {
		opens     string
		unchecked []logName
	}{{"a", []logName{{Topic: "b", Partition: 0}}}, {"a", []logName{{Topic: "b", Partition: 0}}}, {"b", nil}, {"a", nil}} {
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		if _, a := s.unchecked[logName{Topic: "a", Partition: 0}]; a != (run == 0) {
			t.Errorf("run %d: a is to be checked: %t", run, a)
		}
		if _, err := s.Open(
			t.Context(), ports.LogID{Topic: c.opens, TopicID: [16]byte{1}}, &ports.LogConfig{}, new(partition.State),
			newWitness(),
		); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		marked, err := fs.Exists("/data/" + cleanShutdownFile)
		listed := readOffsets(fs, "/data/"+uncheckedFile)
		got := slices.Collect(maps.Keys(listed.of))
		if err := errors.Join(err, listed.err); err != nil || marked != (c.unchecked == nil) ||
			!slices.Equal(got, c.unchecked) {
			t.Errorf("run %d: Kafka's mark is there: %t, to be checked are %v, want %v, %v", run, marked, got, c.unchecked, err)
		}
	}
}

// TestADamagedLogStaysOfflineOverProperStops finds damage below the recovery point at a start after a crash, and
// stops and starts properly.
func TestADamagedLogStaysOfflineOverProperStops(t *testing.T) {
	fs, opt := crashedWith(t, func([]byte) []byte { return nil })
	// so that the whole segment is read, as when the index point lags behind
	if err := fs.Remove("/data/" + indexFile); err != nil {
		t.Fatal(err)
	}
	edit(t, fs, "/data/b-0/"+segmentName(0, logSuffix), func(content []byte) { content[200] ^= 1 })
	for run := range 4 {
		s, _, err := openOne(t, opt, "b")
		if !errors.Is(err, fault.KafkaStorageError) || !strings.Contains(err.Error(), "acknowledged") {
			t.Errorf("run %d: the damaged log opens with %v", run, err)
		}
		if _, err := s.Open(
			t.Context(), ports.LogID{Topic: "a", TopicID: [16]byte{1}}, &ports.LogConfig{}, new(partition.State), newWitness(),
		); err != nil {
			t.Errorf("run %d: the other log opens with %v", run, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestALogThatHasFailedIsCheckedByTheNextRun takes a log offline before a proper stop.
func TestALogThatHasFailedIsCheckedByTheNextRun(t *testing.T) {
	fs, opt := crashedWith(t, half)
	s, l, err := openOne(t, opt, "b")
	if err != nil {
		t.Fatal(err)
	}
	l.(*Log).fail(syscall.EIO)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := "/data/b-0/" + segmentName(0, logSuffix) // what the failure has left
	content, err := readFile(fs, path)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, fs, path, append(content, content[:30]...))
	if _, l, err = openOne(t, opt, "b"); err != nil || l.EndOffset() != 10 {
		t.Errorf("the log ends at %d, %v", l.EndOffset(), err)
	}
}

// TestNoDamagedByteTakesALogOffTheListOfThoseToBeChecked damages each byte of the list that a proper stop has left.
func TestNoDamagedByteTakesALogOffTheListOfThoseToBeChecked(t *testing.T) {
	fs, opt := crashedWith(t, half)
	s, _, err := openOne(t, opt, "a")
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := readFile(fs, "/data/"+uncheckedFile)
	if err != nil {
		t.Fatal(err)
	}
	for at := range content {
		opt.FS = fs.Crash(disktest.Nothing, nil)
		edit(t, opt.FS, "/data/"+uncheckedFile, func(content []byte) { content[at] ^= 1 })
		s, err := Open(t.Context(), opt)
		if err != nil {
			t.Fatal(err)
		}
		if _, named := s.unchecked[logName{Topic: "b", Partition: 0}]; !named {
			t.Errorf("with byte %d damaged, to be checked are %v", at, s.unchecked)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecordsWithoutATopicIDAreLeftAlone loses or damages partition.metadata, as a directory of a
// Kafka before 2.8 has none.
func TestRecordsWithoutATopicIDAreLeftAlone(t *testing.T) {
	id := ports.LogID{Topic: "b", TopicID: [16]byte{1}}
	for what, content := range map[string]string{
		"missing": "", "damaged": "version: 0\ntopic_id: AQAAAAAAAAAAAAAAAAAAA!", "empty": "\n",
	} {
		for _, first := range []string{"opened", "deleted"} {
			t.Run(what+", "+first, func(t *testing.T) {
				fs, opt := crashedWith(t, half)
				path := "/data/b-0/" + partitionFile
				whole, err := readFile(fs, path)
				if err != nil {
					t.Fatal(err)
				}
				if err := fs.Remove(path); err != nil {
					t.Fatal(err)
				}
				if content != "" {
					overwrite(t, fs, path, []byte(content))
				}
				for range 2 {
					s, err := Open(t.Context(), opt)
					if err != nil {
						t.Fatal(err)
					}
					stored, err := s.Stored()
					if unknown := (ports.LogID{Topic: "b"}); err != nil || !slices.Contains(stored, unknown) {
						t.Errorf("stored are %v, %v", stored, err)
					}
					if first == "deleted" {
						if err := s.Delete(t.Context(), id); !errors.Is(err, fault.KafkaStorageError) {
							t.Errorf("the records are deleted with %v", err)
						}
					}
					_, err = s.Open(t.Context(), id, &ports.LogConfig{}, new(partition.State), newWitness())
					if !errors.Is(err, fault.KafkaStorageError) || !strings.Contains(err.Error(), "/data/b-0") {
						t.Errorf("the log opens with %v", err)
					}
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
				}
				overwrite(t, fs, path, whole)
				if _, l, err := openOne(t, opt, "b"); err != nil || l.EndOffset() != 10 {
					t.Errorf("with the file brought back the log opens with %v", err)
				}
			})
		}
	}
}

// TestADirectoryWithoutRecordsBecomesANewLog is what a crash leaves that came while a log was being made.
func TestADirectoryWithoutRecordsBecomesANewLog(t *testing.T) {
	fs, opt := crashedWith(t, half)
	if err := fs.MkdirAll("/data/c-0"); err != nil {
		t.Fatal(err)
	}
	overwrite(t, fs, "/data/c-0/"+segmentName(0, logSuffix), nil)
	s, l, err := openOne(t, opt, "c")
	if err != nil || l.EndOffset() != 0 {
		t.Fatal(err)
	}
	if stored, err := s.Stored(); err != nil || len(stored) != 3 {
		t.Errorf("stored are %v, %v", stored, err)
	}
}

// TestProducerSnapshotsOfEarlierStopsAreRemoved stops and starts a log with traffic.
func TestProducerSnapshotsOfEarlierStopsAreRemoved(t *testing.T) {
	_, opt := crashedWith(t, half)
	for run := range int64(6) {
		s, logs, witnesses := openNamed(
			t, opt, ports.LogConfig{SegmentBytes: 1 << 20, RetentionAge: -1, RetentionBytes: -1}, []string{"a"},
		)
		if n := logs[0].state.Producers.Len(); n != 1 {
			t.Errorf("run %d: %d producers are known", run, n)
		}
		appendBatch(t, logs[0], 1)
		witnesses[0].await(t, 11+run)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		snapshots, err := logs[0].snapshots()
		if err != nil || len(snapshots) > 2 || !slices.Contains(snapshots, 11+run) {
			t.Errorf("run %d: snapshots at %v, %v", run, snapshots, err)
		}
	}
}

// TestTheIndexOfOneLargeBatchIsNotRebuilt stops and starts a log whose segments have no marks, as each is one batch.
func TestTheIndexOfOneLargeBatchIsNotRebuilt(t *testing.T) {
	var out strings.Builder
	opt := Options{
		Dir: "/data", FS: disktest.New(), Journal: journal.Options{FileBytes: 32 << 10},
		Log: slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	cfg := ports.LogConfig{SegmentBytes: 1 << 10, RetentionAge: -1, RetentionBytes: -1}
	for run := range int64(3) {
		s, logs, witnesses := openNamed(t, opt, cfg, []string{"large"})
		for i := range int64(3) {
			appendBatch(t, logs[0], 2000)
			witnesses[0].await(t, 2000*(3*run+i+1))
		}
		if logs[0].segments[0].size < 16<<10 {
			t.Fatalf("a segment of %d bytes", logs[0].segments[0].size)
		}
		wantOffsets(t, offsets(t, logs[0], 4000), 0, 6000*(run+1))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if out.Len() > 0 {
		t.Errorf("sound logs are warned of: %s", out.String())
	}
}
