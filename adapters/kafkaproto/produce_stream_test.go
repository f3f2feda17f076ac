package kafkaproto

import (
	"bytes"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// ofPartitions is a Produce request with n batches of size bytes.
func ofPartitions(n, size int) *kmsg.ProduceRequest {
	req := produceRequest(-1, "orders", nil)
	req.Topics[0].Partitions = nil
	for i := range n {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i), bytes.Repeat([]byte{byte(i)}, size)
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, p)
	}
	return req
}

func smallMemory(f *fakes) func(*Settings, *Server) {
	f.ints["socket.request.max.bytes"] = 100 << 20
	return func(st *Settings, _ *Server) { st.Limits.RequestMemory = 4 << 20 }
}

func TestAProduceRequestOfAnyAllowedSizeIsServedInTheMemoryOfItsLargestBatch(t *testing.T) {
	f := newFakes(t)
	var (
		mu   sync.Mutex
		most int64
		s    *running
	)
	f.produce = func(req *replicas.ProduceRequest) {
		frames, _ := s.MemoryUsed()
		at := &req.Partitions[0]
		mu.Lock()
		defer mu.Unlock()
		most = max(most, frames)
		at.BaseOffset = int64(at.Partition)
		if len(at.Records) != 1<<20 || at.Records[0] != byte(at.Partition) ||
			at.Records[len(at.Records)-1] != byte(at.Partition) {
			at.Err = fault.CorruptMessage
		}
		req.Done()
	}
	s = start(t, f, smallMemory(f))
	req := ofPartitions(92, 1<<20)
	resp := ask[*kmsg.ProduceResponse](s.dial(t), req)
	for i, p := range resp.Topics[0].Partitions {
		if p.Partition != int32(i) || p.BaseOffset != int64(i) || p.ErrorCode != 0 {
			t.Errorf("partition %d: answered %+v", i, p)
		}
	}
	if n := len(resp.Topics[0].Partitions); n != 92 {
		t.Errorf("%d partitions are answered", n)
	}
	if most > 1<<20+firstRead {
		t.Errorf("%d bytes were held at a time", most)
	}
}

func TestProduceIsServedWhileTheRestOfItArrives(t *testing.T) {
	f := newFakes(t)
	came := make(chan int32, 10)
	f.produce = func(req *replicas.ProduceRequest) {
		came <- req.Partitions[0].Partition
		req.Done()
	}
	s := start(t, f, smallMemory(f))
	c := s.dial(t)
	frame := frameOf(ofPartitions(3, 1<<20), 1)
	half := len(frame) - 1<<20
	c.write(frame[:half])
	for want := range int32(2) {
		if got := <-came; got != want {
			t.Errorf("partition %d came, want %d", got, want)
		}
	}
	c.write(frame[half:])
	if got := <-came; got != 2 {
		t.Errorf("partition %d came, want 2", got)
	}
	c.receiveRaw()
}

func TestBatchesGiveTheirMemoryBackOneByOne(t *testing.T) {
	f := newFakes(t)
	waiting := make(chan func(), 10)
	f.produce = func(req *replicas.ProduceRequest) { waiting <- req.Done }
	s := start(t, f, smallMemory(f)) // room for four batches
	c := s.dial(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.write(frameOf(ofPartitions(8, 1<<20), 1))
	}()
	for range 8 {
		(<-waiting)()
	}
	<-sent
	c.receiveRaw()
	eventually(t, "nothing is held", func() bool { frames, _ := s.MemoryUsed(); return frames == 0 })
}

func TestAnnouncedBatchesThatAreNeverSentTakeNoMemory(t *testing.T) {
	f := newFakes(t)
	s := start(t, f, smallMemory(f))
	announced := frameOf(ofPartitions(90, 1<<20), 1)
	for i := range 10 {
		c := s.dial(t)
		c.write(announced[:100+i])
	}
	eventually(t, "all are read", func() bool { frames, _ := s.MemoryUsed(); return frames == 10*firstRead })
	if got := ask[*kmsg.ProduceResponse](s.dial(t), ofPartitions(2, 1<<20)); len(got.Topics[0].Partitions) != 2 {
		t.Errorf("beside them, a produce is answered %+v", got)
	}
}

func TestABatchLargerThanTheMemoryForRequestsIsRefusedAlone(t *testing.T) {
	f := newFakes(t)
	s := start(t, f, smallMemory(f))
	req := ofPartitions(3, 100)
	req.Topics[0].Partitions[1].Records = make([]byte, 5<<20)
	c := s.dial(t)
	parts := ask[*kmsg.ProduceResponse](c, req).Topics[0].Partitions
	if parts[0].ErrorCode != 0 || parts[1].ErrorCode != 10 || parts[1].BaseOffset != -1 || parts[2].ErrorCode != 0 {
		t.Errorf("answered %+v, want MESSAGE_TOO_LARGE for partition 1", parts)
	}
	ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())
}

func TestARequestThatEndsInTheMiddleLeavesNothingBehind(t *testing.T) {
	for name, sent := range map[string]func([]byte) []byte{
		"cut off":   func(b []byte) []byte { return b[:len(b)-100] },
		"malformed": func(b []byte) []byte { b[len(b)-1] = 200; return b }, // tagged fields that are not there
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakes(t)
			waiting := make(chan func(), 10)
			f.produce = func(req *replicas.ProduceRequest) { waiting <- req.Done }
			s := start(t, f, smallMemory(f))
			c := s.dial(t)
			c.write(sent(frameOf(ofPartitions(2, 1<<20), 1)))
			if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			(<-waiting)()
			if name == "malformed" {
				(<-waiting)()
			}
			c.wantClosedAfterAnyReset()
			eventually(t, "nothing is held", func() bool {
				frames, answers := s.MemoryUsed()
				return frames == 0 && answers == 0 && s.Connections() == 0
			})
		})
	}
}

func TestAServiceThatPanicsInAStreamEndsThatConnectionOnly(t *testing.T) {
	f := newFakes(t)
	f.produce = func(req *replicas.ProduceRequest) {
		if req.Partitions[0].Partition == 1 {
			panic("out of order")
		}
		req.Done()
	}
	s := start(t, f, smallMemory(f))
	c := s.dial(t)
	c.write(frameOf(ofPartitions(2, 1<<20), 1))
	c.wantClosedAfterAnyReset()
	eventually(t, "nothing is held", func() bool {
		frames, _ := s.MemoryUsed()
		return frames == 0 && s.Connections() == 0
	})
	ask[*kmsg.MetadataResponse](s.dial(t), kmsg.NewPtrMetadataRequest())
}

func TestOtherRequestsThanProduceAreHeldAsAWhole(t *testing.T) {
	f := newFakes(t)
	s := start(t, f, smallMemory(f))
	c := s.dial(t)
	c.write([]byte{0, 0x50, 0, 0, 0, 3, 0, 1})
	c.wantClosedAfterAnyReset()
	eventually(t, "the reason is logged", func() bool { return s.log.count("for all but Produce") == 1 })
}

func BenchmarkProduceWhileItArrives(b *testing.B) {
	for _, partitions := range []int{2, 500} {
		b.Run(strconv.Itoa(partitions), func(b *testing.B) {
			s := start(b, newFakes(b), func(_ *Settings, s *Server) {
				if s != nil {
					s.services.Configs.(fakeConfigs).ints["socket.request.max.bytes"] = 100 << 20
				}
			})
			c := s.dial(b)
			frame := frameOf(ofPartitions(partitions, 2<<20/partitions), 1)
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				c.write(frame)
				c.receiveRaw()
			}
		})
	}
}
