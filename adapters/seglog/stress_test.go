package seglog

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk/disktest"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestEverythingAtOnce appends, reads, searches, cleans, configures, deletes and closes at the same time.
func TestEverythingAtOnce(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), MaxOpenFiles: 3, Journal: journal.Options{FileBytes: 256 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ports.LogConfig{
		SegmentBytes:       4 << 10,
		RetentionAge:       -1,
		RetentionBytes:     30 << 10,
		Compact:            true,
		Delete:             true,
		IndexIntervalBytes: 500,
	}
	expected := func(err error) bool {
		return err == nil || errors.Is(err, fault.KafkaStorageError) || errors.Is(err, fault.OffsetOutOfRange)
	}
	stop, closed := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	until := func(what func() error) {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := what(); !expected(err) {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range int32(3) {
		id := ports.LogID{Topic: "busy", TopicID: [16]byte{1}, Partition: i}
		l, err := s.Open(t.Context(), id, &cfg, new(partition.State), acks{make(chan int64, 1)})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { // until the log is closed or deleted
			for n := 0; ; n++ {
				if err := l.Append(batches(t, l.(*Log)), nil, time.Now()); err != nil {
					if !errors.Is(err, fault.KafkaStorageError) {
						t.Error(err)
					}
					return
				}
				if n == 60 && i == 0 {
					close(closed)
				}
				for ahead(l.(*Log)) { // else Close would have to write what readers keep it from
					runtime.Gosched()
				}
			}
		})
		until(func() error {
			slice, err := l.Read(l.StartOffset(), math.MaxInt64, 5000)
			if err != nil {
				return err
			}
			defer slice.Release()
			return slice.ReadInto(make([]byte, slice.Size))
		})
		until(func() error { _, _, err := l.MaxTimestamp(math.MaxInt64); return err })
		until(func() error { _, _, err := l.OffsetForTimestamp(500, math.MaxInt64); return err })
		until(func() error { configure(l, cfg); return l.AdvanceStart(context.Background(), l.DurableEnd()/2) })
	}
	until(func() error { return cleanAll(context.Background(), s, time.Now()) })
	<-closed
	if err := s.Delete(t.Context(), ports.LogID{Topic: "busy", TopicID: [16]byte{1}, Partition: 2}); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	close(stop)
	all.Wait()
}

// ahead reports whether many more records were appended than are durable, and more will be.
func ahead(l *Log) bool { return l.EndOffset()-l.DurableEnd() > 500 && l.offlineError() == nil }

func batches(t *testing.T, l *Log) []record.Batch {
	t.Helper()
	return []record.Batch{batch(t, l, 5, l.EndOffset())}
}

// TestReadersGoOnWhileIndexesAreRebuilt damages indexes again and again, while the log is appended to, read,
// searched, truncated and compacted.
func TestReadersGoOnWhileIndexesAreRebuilt(t *testing.T) {
	fs := disktest.New()
	s, err := Open(t.Context(), Options{Dir: "/data", FS: fs, Journal: journal.Options{FileBytes: 256 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, f := openLog(
		t, s,
		ports.LogConfig{
			SegmentBytes:       8 << 10,
			IndexIntervalBytes: 200,
			RetentionAge:       -1,
			RetentionBytes:     -1,
			Compact:            true,
			MinCleanableRatio:  0.1,
		},
	)
	done := make(chan struct{})
	var all sync.WaitGroup
	until := func(what func(r *rand.Rand) error) {
		all.Go(func() {
			for r := rand.New(rand.NewPCG(1, 2)); ; {
				select {
				case <-done:
					return
				default:
				}
				if err := what(r); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	until(func(r *rand.Rand) error { // one wrong byte
		files, err := fs.ReadDir("/data/orders-0")
		if err != nil {
			return err
		}
		files = slices.DeleteFunc(files, func(name string) bool { return !strings.HasSuffix(name, "index") })
		x, err := fs.Open("/data/orders-0/"+files[r.IntN(len(files))], false)
		if err != nil {
			return nil //nolint:nilerr // it was deleted meanwhile
		}
		size, err := x.Size()
		if err == nil && size > 0 {
			_, err = x.WriteAt([]byte{byte(r.Uint32())}, r.Int64N(size))
		}
		return errors.Join(err, x.Close())
	})
	for range 2 {
		until(func(r *rand.Rand) error {
			end := l.DurableEnd()
			if end == 0 {
				return nil
			}
			from := r.Int64N(end)
			slice, err := l.Read(from, math.MaxInt64, 2000) // what lies below end may be compacted away
			if err != nil {
				return err
			}
			defer slice.Release()
			buf := make([]byte, slice.Size)
			if err := slice.ReadInto(buf); err != nil {
				return err
			}
			first, _, err := record.Next(buf)
			if err == nil && first.LastOffset() < from {
				err = fmt.Errorf("a read at %d begins with the batch of %d to %d", from, first.BaseOffset(), first.LastOffset())
			}
			return err
		})
	}
	until(func(*rand.Rand) error { _, _, err := l.OffsetForTimestamp(500, math.MaxInt64); return err })
	until(func(*rand.Rand) error { return cleanAll(t.Context(), s, time.UnixMilli(10_000)) })
	for i := range int64(150) {
		if err := l.Append(batches(t, l), nil, time.UnixMilli(i)); err != nil {
			t.Fatal(err)
		}
		f.await(t, l.EndOffset())
	}
	close(done)
	all.Wait()
}
