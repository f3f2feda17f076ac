package seglog

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

var indexedConfig = ports.LogConfig{SegmentBytes: 3500, IndexIntervalBytes: 300, RetentionAge: -1, RetentionBytes: -1}

// writeIndexed writes a log of several segments with many index entries, whose timestamps mostly rise, and closes
// it. It returns its batches.
func writeIndexed(t *testing.T, opt Options) []record.Batch {
	t.Helper()
	s, err := Open(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	l, f := openLog(t, s, indexedConfig)
	var all []record.Batch
	for i := range 150 {
		ms := int64(1000 + 10*i)
		if i%7 == 3 {
			ms -= 500
		}
		b := batch(t, l, 1+i%3, ms)
		all = append(all, b)
		if err := l.Append([]record.Batch{slices.Clone(b)}, nil, time.UnixMilli(ms)); err != nil {
			t.Fatal(err)
		}
	}
	f.await(t, l.EndOffset())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// wantAllFound sees that each offset is read from the batch that holds it, and each timestamp
// found at its first record.
func wantAllFound(t *testing.T, l *Log, all []record.Batch) {
	t.Helper()
	end := all[len(all)-1].NextOffset()
	wantOffsets(t, offsets(t, l, 4000), 0, end)
	for _, b := range all {
		for o := b.BaseOffset(); o < b.NextOffset(); o++ {
			slice, err := l.Read(o, end, 1)
			if err != nil {
				t.Fatalf("read at %d: %v", o, err)
			}
			got := make([]byte, slice.Size)
			if err := slice.ReadInto(got); err != nil {
				t.Fatal(err)
			}
			slice.Release()
			if !slices.Equal(got, []byte(b)) {
				t.Fatalf("read at %d does not return the batch of %d", o, b.BaseOffset())
			}
		}
	}
	largest := all[0]
	for _, b := range all {
		if b.MaxTimestamp() > largest.MaxTimestamp() {
			largest = b
		}
		ms := b.MaxTimestamp()
		first := all[slices.IndexFunc(all, func(b record.Batch) bool { return b.MaxTimestamp() >= ms })]
		if at, ok, err := l.OffsetForTimestamp(ms, end); err != nil || !ok || at.Offset != first.BaseOffset() {
			t.Fatalf("the first record of %d is found at %d, %t, %v, not at %d", ms, at.Offset, ok, err, first.BaseOffset())
		}
	}
	if at, ok, err := l.MaxTimestamp(end); err != nil || !ok || at.Offset != largest.BaseOffset() {
		t.Fatalf("the largest timestamp is found at %d, %t, %v, not at %d", at.Offset, ok, err, largest.BaseOffset())
	}
}

// damages are what can happen to an index file with entries of a size.
func damages(entry int) map[string]func(content []byte) []byte {
	all := map[string]func([]byte) []byte{
		"missing":    func([]byte) []byte { return nil },
		"empty":      func([]byte) []byte { return []byte{} },
		"torn":       func(c []byte) []byte { return c[:len(c)/2/entry*entry+entry/2] },
		"cut short":  func(c []byte) []byte { return c[:len(c)/2/entry*entry] },
		"one less":   func(c []byte) []byte { return c[:len(c)-entry] },
		"zeroed end": func(c []byte) []byte { clear(c[len(c)/2:]); return c },
		"backwards": func(c []byte) []byte {
			var turned []byte
			for at := len(c) - entry; at >= 0; at -= entry {
				turned = append(turned, c[at:at+entry]...)
			}
			return turned
		},
		"garbage": func(c []byte) []byte {
			r := rand.New(rand.NewPCG(uint64(len(c)), 1))
			for i := range c {
				c[i] = byte(r.Uint32())
			}
			return c
		},
	}
	for where, of := range map[string]int{"first": 0, "middle": 1, "last": 2} {
		for _, by := range []int32{-1, 7, 1 << 20} {
			for field := 0; field < entry; field += 4 {
				all[fmt.Sprintf("%s entry, field %d, off by %d", where, field, by)] = func(c []byte) []byte {
					at := (len(c)/entry-1)*of/2*entry + field
					binary.BigEndian.PutUint32(c[at:], binary.BigEndian.Uint32(c[at:])+uint32(by))
					return c
				}
			}
		}
	}
	return all
}

// TestNoIndexHidesARecord damages each index of a log in each way, while the log is open and before
// a start, and after a crash.
func TestNoIndexHidesARecord(t *testing.T) {
	whole := t.TempDir()
	all := writeIndexed(t, Options{Dir: whole, Journal: usualJournal})
	files := indexFiles(t, whole)
	bases := slices.Collect(maps.Keys(files))
	slices.Sort(bases)
	// of the first and of the last segment
	for _, name := range []string{bases[0], bases[1], bases[len(bases)-2], bases[len(bases)-1]} {
		entry := indexEntry
		if strings.HasSuffix(name, timeIndexSuffix) {
			entry = timeIndexEntry
		}
		for how, damage := range damages(entry) {
			for _, when := range []string{"open", "before a start", "before a start after a crash"} {
				t.Run(fmt.Sprintf("%s %s %s", name, how, when), func(t *testing.T) {
					dir := t.TempDir()
					if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
						t.Fatal(err)
					}
					path := filepath.Join(dir, "orders-0", name)
					harm := func() {
						var err error
						if content := damage(slices.Clone(files[name])); content == nil {
							err = os.Remove(path)
						} else {
							err = os.WriteFile(path, content, 0o600)
						}
						if err != nil {
							t.Fatal(err)
						}
					}
					if when != "open" {
						harm()
					}
					if when == "before a start after a crash" {
						if err := os.Remove(filepath.Join(dir, cleanShutdownFile)); err != nil {
							t.Fatal(err)
						}
					}
					s := openStore(t, dir)
					l, _ := openLog(t, s, indexedConfig)
					if when == "open" {
						harm()
					}
					wantAllFound(t, l, all)
					if err := cleanAll(t.Context(), s, time.UnixMilli(2000)); err != nil {
						t.Fatal(err)
					}
					wantAllFound(t, l, all)
				})
			}
		}
	}
}

// indexFiles returns the index files of the log, by name.
func indexFiles(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "orders-0", "*index"))
	if err != nil || len(paths) < 8 {
		t.Fatalf("%d index files, %v", len(paths), err)
	}
	files := make(map[string][]byte)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = content
	}
	return files
}

// recorder passes on the messages of a log.
type recorder struct {
	slog.Handler
	messages chan string
}

func (h recorder) Handle(_ context.Context, r slog.Record) error {
	h.messages <- r.Message
	return nil
}
func (recorder) Enabled(context.Context, slog.Level) bool { return true }
func (h recorder) WithAttrs([]slog.Attr) slog.Handler     { return h }

// TestAWrongIndexIsRebuilt lets a reader find a wrong entry, and sees that the index is then what it was, also for
// what is appended afterwards.
func TestAWrongIndexIsRebuilt(t *testing.T) {
	whole := t.TempDir()
	all := writeIndexed(t, Options{Dir: whole, Journal: usualJournal})
	files := indexFiles(t, whole)
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			entry := indexEntry
			if strings.HasSuffix(name, timeIndexSuffix) {
				entry = timeIndexEntry
			}
			path := filepath.Join(dir, "orders-0", name)
			wrong := damages(entry)["middle entry, field 4, off by 7"](slices.Clone(content))
			if err := os.WriteFile(path, wrong, 0o600); err != nil {
				t.Fatal(err)
			}
			logged := recorder{slog.DiscardHandler, make(chan string, 100)}
			s, err := Open(t.Context(), Options{Dir: dir, Journal: usualJournal, Log: slog.New(logged)})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			l, f := openLog(t, s, indexedConfig)
			wantAllFound(t, l, all)
			if got := <-logged.messages; got != "index is wrong, rebuilding it" {
				t.Error(got)
			}
			if got := <-logged.messages; got != "index rebuilt" {
				t.Error(got)
			}
			if diff := cmp.Diff(files, indexFiles(t, dir)); diff != "" {
				t.Error(diff)
			}
			for range 20 {
				b := batch(t, l, 2, 3000)
				if err := l.Append([]record.Batch{b}, nil, time.UnixMilli(3000)); err != nil {
					t.Fatal(err)
				}
				f.await(t, b.NextOffset())
			}
			wantOffsets(t, offsets(t, l, 4000), 0, l.EndOffset())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for len(logged.messages) > 0 {
				t.Error(<-logged.messages)
			}
			l, _ = openLog(t, openStore(t, dir), indexedConfig)
			wantOffsets(t, offsets(t, l, 4000), 0, l.EndOffset())
		})
	}
}
