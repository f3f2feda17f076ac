package seglog

import (
	"context"
	"errors"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// TestEverythingAtOnce appends, reads, searches, cleans, configures, deletes and closes at the same time.
func TestEverythingAtOnce(t *testing.T) {
	s, err := Open(t.Context(), Options{Dir: t.TempDir(), MaxOpenFiles: 3, Journal: journal.Options{FileBytes: 256 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := ports.LogConfig{SegmentBytes: 4 << 10, RetentionAge: -1, RetentionBytes: 30 << 10, Compact: true, Delete: true, IndexIntervalBytes: 500}
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
		l, err := s.Open(t.Context(), id, cfg, acks{make(chan int64, 1)})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { // until the log is closed or deleted
			for n := 0; ; n++ {
				if err := l.Append(batches(t, l.(*Log)), time.Now()); err != nil {
					if !errors.Is(err, fault.KafkaStorageError) {
						t.Error(err)
					}
					return
				}
				if n == 60 && i == 0 {
					close(closed)
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
		until(func() error { l.Configure(cfg); return l.AdvanceStart(context.Background(), l.DurableEnd()/2) })
	}
	until(func() error { return s.Clean(context.Background(), time.Now()) })
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

func batches(t *testing.T, l *Log) []record.Batch {
	t.Helper()
	return []record.Batch{batch(t, l, 5, l.EndOffset())}
}
