package kafkaproto

import (
	"context"
	"io"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/ports"
)

// roundTrips sends the request again and again and reads answers of always the same size.
func roundTrips(b *testing.B, s *running, req kmsg.Request, pipelined int) {
	c := s.dial(b)
	frame := frameOf(req, 1)
	c.write(frame)
	answer := make([]byte, len(c.receiveRaw())+4)
	var burst []byte
	for range pipelined {
		burst = append(burst, frame...)
	}
	answers := make([]byte, pipelined*len(answer))
	b.SetBytes(int64(len(frame) + len(answer)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += pipelined {
		c.write(burst)
		if _, err := io.ReadFull(c, answers); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProduce16KiB(b *testing.B) {
	roundTrips(b, start(b, newFakes(b)), produceRequest(-1, "orders", make([]byte, 16<<10)), 1)
}

func BenchmarkProduce100BPipelined(b *testing.B) {
	roundTrips(b, start(b, newFakes(b)), produceRequest(-1, "orders", make([]byte, 100)), 5)
}

func BenchmarkProduceAnsweredLater(b *testing.B) {
	f := newFakes(b)
	later := make(chan *replicas.ProduceRequest, 100)
	f.produce = func(req *replicas.ProduceRequest) { later <- req }
	go func() {
		for req := range later {
			req.Done()
		}
	}()
	s := start(b, f)
	roundTrips(b, s, produceRequest(-1, "orders", make([]byte, 100)), 5)
	_ = s.stop()
	close(later)
}

func BenchmarkProduce1MiB(b *testing.B) {
	f := newFakes(b)
	f.ints["socket.request.max.bytes"] = 10 << 20
	roundTrips(b, start(b, f), produceRequest(-1, "orders", make([]byte, 1<<20)), 1)
}

func benchmarkFetch(b *testing.B, size int) {
	f := newFakes(b)
	file, _ := segmentOf(b, size)
	resp := &replicas.FetchResponse{Partitions: []replicas.FetchedPartition{{
		FetchTarget: replicas.FetchTarget{Topic: "orders"}, PreferredReadReplica: -1,
		Records: ports.NewSlice(file, 10, size, nil),
	}}}
	f.fetch = func(context.Context, *replicas.FetchRequest) *replicas.FetchResponse { return resp }
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(12)
	req.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", Partitions: make([]kmsg.FetchRequestTopicPartition, 1)}}
	roundTrips(b, start(b, f), req, 1)
}

func BenchmarkFetch1KiB(b *testing.B)  { benchmarkFetch(b, 1<<10) }
func BenchmarkFetch7KiB(b *testing.B)  { benchmarkFetch(b, 7<<10) }
func BenchmarkFetch9KiB(b *testing.B)  { benchmarkFetch(b, 9<<10) }
func BenchmarkFetch20KiB(b *testing.B) { benchmarkFetch(b, 20<<10) }
func BenchmarkFetch32KiB(b *testing.B) { benchmarkFetch(b, 32<<10) }
func BenchmarkFetch64KiB(b *testing.B) { benchmarkFetch(b, 64<<10) }
func BenchmarkFetch1MiB(b *testing.B)  { benchmarkFetch(b, 1<<20) }

func BenchmarkHeartbeat(b *testing.B) {
	req := kmsg.NewPtrHeartbeatRequest()
	req.SetVersion(4)
	roundTrips(b, start(b, newFakes(b)), req, 1)
}
