package kafkaproto

import (
	"bytes"
	"encoding/binary"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

func produceRequest(acks int16, topic string, records []byte) *kmsg.ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(9)
	req.Acks = acks
	t, p := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	t.Topic, p.Records = topic, records
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return req
}

// heldProduces keeps produce requests unanswered until the test answers them.
type heldProduces struct {
	mu   sync.Mutex
	reqs []*replicas.ProduceRequest
}

func (h *heldProduces) produce(req *replicas.ProduceRequest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reqs = append(h.reqs, req)
}

func (h *heldProduces) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.reqs)
}

// answer gives the i-th produce its answer.
func (h *heldProduces) answer(i int, offset int64, err error) {
	h.mu.Lock()
	req := h.reqs[i]
	h.mu.Unlock()
	req.Partitions[0].BaseOffset, req.Partitions[0].Err = offset, err
	req.Done()
}

func TestAnswersLeaveInTheOrderOfTheirRequests(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	c := start(t, f).dial(t)

	var pipelined []byte
	first := produceRequest(-1, "orders", []byte("one"))
	second := produceRequest(-1, "orders", []byte("two"))
	metadata := kmsg.NewPtrMetadataRequest()
	for i, req := range []kmsg.Request{first, metadata, second, metadata} {
		pipelined = append(pipelined, frameOf(req, int32(i))...)
	}
	c.write(pipelined)
	eventually(t, "the reader goes on while a produce waits", func() bool { return held.len() == 2 })
	held.answer(1, 22, nil) // the later one is durable first
	held.answer(0, 11, nil)

	if got := receive[*kmsg.ProduceResponse](c, first, 0).Topics[0].Partitions[0].BaseOffset; got != 11 {
		t.Errorf("the first produce has offset %d", got)
	}
	receive[*kmsg.MetadataResponse](c, metadata, 1)
	if got := receive[*kmsg.ProduceResponse](c, second, 2).Topics[0].Partitions[0].BaseOffset; got != 22 {
		t.Errorf("the second produce has offset %d", got)
	}
	receive[*kmsg.MetadataResponse](c, metadata, 3)
}

func TestManyPipelinedProducesAreAllAnsweredInOrder(t *testing.T) {
	f := newFakes(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	f.produce = func(req *replicas.ProduceRequest) {
		if len(req.Partitions[0].Records)%3 == 0 {
			req.Done()
			return
		}
		wg.Go(req.Done)
	}
	s := start(t, f)
	for range 4 {
		wg.Go(func() {
			c := s.dial(t)
			const n = 2000
			go func() {
				for i := range n {
					if _, err := c.Write(frameOf(produceRequest(-1, "orders", make([]byte, i%50)), int32(i))); err != nil {
						return
					}
				}
			}()
			for i := range n {
				if got := int32(binary.BigEndian.Uint32(c.receiveRaw())); got != int32(i) {
					t.Errorf("answer %d comes in place of %d", got, i)
					return
				}
			}
		})
	}
}

func TestTheNumberOfPendingAnswersIsBounded(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	s := start(t, f, func(st *Settings, _ *Server) { st.Limits.PendingAnswers = 3 })
	c := s.dial(t)
	req := produceRequest(-1, "orders", []byte("x"))
	for i := range 10 {
		c.write(frameOf(req, int32(i)))
	}
	for i := range 10 {
		eventually(t, "the next produce is read", func() bool { return held.len() > i })
		if n := held.len(); n > i+3 {
			t.Fatalf("%d produces are under way", n-i)
		}
		held.answer(i, int64(i), nil)
		receive[*kmsg.ProduceResponse](c, req, int32(i))
	}
}

func TestProduceWithoutAcknowledgementHasNoAnswer(t *testing.T) {
	s := start(t, newFakes(t))
	c := s.dial(t)
	c.send(produceRequest(0, "orders", []byte("x")))
	ask[*kmsg.MetadataResponse](c, kmsg.NewPtrMetadataRequest())
}

func TestAFailedProduceWithoutAcknowledgementClosesTheConnection(t *testing.T) {
	f := newFakes(t)
	f.produce = func(req *replicas.ProduceRequest) {
		req.Partitions[0].Err = fault.NotLeaderOrFollower
		req.Done()
	}
	c := start(t, f).dial(t)
	c.send(produceRequest(0, "orders", []byte("x")))
	c.wantClosed()
}

func TestProduceInAVersionThatIsTooOldIsRefused(t *testing.T) {
	s := start(t, newFakes(t))
	c := s.dial(t)
	for version := range int16(3) {
		req := produceRequest(1, "orders", nil)
		req.SetVersion(version)
		at := ask[*kmsg.ProduceResponse](c, req).Topics[0].Partitions[0]
		if at.ErrorCode != kerr.UnsupportedVersion.Code || at.BaseOffset != -1 {
			t.Errorf("version %d: %+v", version, at)
		}
	}
	if s.log.count("too old") == 0 {
		t.Error("nothing is logged")
	}
}

func TestRecordsArriveAsTheyWereSentAndTheFrameIsFreeAfterwards(t *testing.T) {
	f := newFakes(t)
	var got []byte
	f.produce = func(req *replicas.ProduceRequest) {
		got = bytes.Clone(req.Partitions[0].Records)
		req.Done()
	}
	s := start(t, f)
	c := s.dial(t)
	for _, size := range []int{0, 1, 300, readAhead, 5000, firstRead - 1, firstRead, 3 * firstRead, 900_000} {
		records := bytes.Repeat([]byte{byte(size), 2, 3}, size/3+1)[:size]
		ask[*kmsg.ProduceResponse](c, produceRequest(-1, "orders", records))
		if !bytes.Equal(got, records) {
			t.Errorf("%d bytes of records arrive as %d, or changed", size, len(got))
		}
	}
	eventually(t, "no memory is held", func() bool {
		frames, answers := s.MemoryUsed()
		return frames == 0 && answers == 0
	})
}
