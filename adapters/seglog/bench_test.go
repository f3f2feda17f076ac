package seglog

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// acks counts what became durable, for benchmarks.
type acks struct{ ends chan int64 }

func (a acks) Durable(end int64) {
	for {
		select {
		case a.ends <- end:
			return
		default:
			select {
			case <-a.ends:
			default:
			}
		}
	}
}
func (acks) Offline(error) {}
func (acks) Start(int64)   {}
func (acks) Released()     {}

// BenchmarkAppend has each log append a batch when its last one is durable.
func BenchmarkAppend(b *testing.B) {
	for _, path := range []struct {
		name   string
		direct int
	}{{"journal", -1}, {"sync-per-segment", 1}} {
		for _, size := range []int{1 << 10, 16 << 10} {
			for _, n := range []int{1, 6, 64, 500} {
				b.Run(fmt.Sprintf("%s/%dKiB/%dlogs", path.name, size>>10, n), func(b *testing.B) {
					benchmarkAppend(b, n, size, path.direct)
				})
			}
		}
	}
}

func benchmarkAppend(b *testing.B, logs, size, direct int) {
	opt := usualJournal
	opt.DirectBytes, opt.DirectLogs = direct, logs
	s, err := Open(b.Context(), Options{Dir: b.TempDir(), Journal: opt})
	if err != nil {
		b.Fatal(err)
	}
	build := record.NewBuilder(record.Options{})
	build.Append(1, nil, make([]byte, size-80))
	one, err := build.Build()
	if err != nil {
		b.Fatal(err)
	}
	opened, events := make([]ports.Log, logs), make([]acks, logs)
	for i := range logs {
		events[i] = acks{make(chan int64, 1)}
		opened[i], err = s.Open(
			b.Context(), ports.LogID{Topic: "t", TopicID: [16]byte{1}, Partition: int32(i)},
			&ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}, new(partition.State), events[i],
		)
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(one)))
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for i := range logs {
		all.Go(func() {
			l, a := opened[i], events[i]
			for k := range b.N/logs + 1 {
				batch := append(record.Batch(nil), one...)
				batch.SetBaseOffset(int64(k))
				if err := l.Append([]record.Batch{batch}, nil, time.Now()); err != nil {
					b.Error(err)
					return
				}
				for end := range a.ends {
					if end > int64(k) {
						break
					}
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(s.journal.Syncs()), "syncs")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTailRead reads the last batch again and again.
func BenchmarkTailRead(b *testing.B) {
	s, err := Open(b.Context(), Options{Dir: b.TempDir(), Journal: usualJournal})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	a := acks{make(chan int64, 1)}
	l, err := s.Open(b.Context(), testID, &ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}, new(partition.State), a)
	if err != nil {
		b.Fatal(err)
	}
	const n = 1000
	for k := range n {
		build := record.NewBuilder(record.Options{BaseOffset: int64(k)})
		build.Append(1, nil, make([]byte, 1000))
		one, err := build.Build()
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Append([]record.Batch{one}, nil, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
	for end := range a.ends {
		if end == n {
			break
		}
	}
	for _, from := range []int64{n - 1, n / 2} {
		b.Run(fmt.Sprintf("from %d of %d", from, n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				slice, err := l.Read(from, n, 1<<20)
				if err != nil || slice.Size == 0 {
					b.Fatal(slice.Size, err)
				}
				slice.Release()
			}
		})
	}
}

// BenchmarkOpenLogs opens logs without traffic after a clean stop.
func BenchmarkOpenLogs(b *testing.B) {
	const n = 2000
	dir := b.TempDir()
	id := func(i int) ports.LogID { return ports.LogID{Topic: "t", TopicID: [16]byte{1}, Partition: int32(i)} }
	open := func() (*Store, []ports.Log) {
		s, err := Open(b.Context(), Options{Dir: dir, Journal: usualJournal})
		if err != nil {
			b.Fatal(err)
		}
		var logs []ports.Log
		for i := range n {
			l, err := s.Open(
				b.Context(), id(i), &ports.LogConfig{RetentionAge: -1, RetentionBytes: -1}, new(partition.State), acks{},
			)
			if err != nil {
				b.Fatal(err)
			}
			logs = append(logs, l)
		}
		return s, logs
	}
	s, _ := open()
	s.Close()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		began := time.Now()
		s, logs := open()
		took := time.Since(began)
		b.ReportMetric(float64(took.Microseconds())/n, "us/log")
		b.ReportMetric(float64(heap()-before)/n, "heap-B/log")
		runtime.KeepAlive(logs)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
