package kafkaproto

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
)

// interceptor intercepts the requests of all APIs except one; but is -1 for all.
type interceptor struct {
	intercept func(context.Context, *Request) (kmsg.Response, error)
	but       int16
}

func (i interceptor) Wants(key int16) bool { return key != i.but }
func (i interceptor) Intercept(ctx context.Context, r *Request) (kmsg.Response, error) {
	return i.intercept(ctx, r)
}

// intercepting makes f a server's interceptor.
func intercepting(f func(context.Context, *Request) (kmsg.Response, error)) func(*Settings, *Server) {
	return func(s *Settings, _ *Server) { s.Interceptor = interceptor{f, -1} }
}

// answering answers Metadata by an error, and has all else served.
func answering(_ context.Context, r *Request) (kmsg.Response, error) {
	if r.Key != 3 {
		return nil, nil
	}
	req, err := r.Decode()
	if err != nil {
		return nil, err
	}
	resp := req.ResponseKind().(*kmsg.MetadataResponse)
	for _, asked := range req.(*kmsg.MetadataRequest).Topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.ErrorCode = asked.Topic, kerr.LeaderNotAvailable.Code
		resp.Topics = append(resp.Topics, topic)
	}
	return resp, nil
}

func TestAnInterceptorAnswersInPlaceOfTheServices(t *testing.T) {
	c := start(t, newFakes(t), intercepting(answering)).dial(t)
	for _, version := range []int16{1, 9, 12} {
		req := metadataRequest(version, "orders")
		if got := ask[*kmsg.MetadataResponse](c, req).Topics[0].ErrorCode; got != kerr.LeaderNotAvailable.Code {
			t.Errorf("in version %d the topic has error %d", version, got)
		}
	}
	produced := ask[*kmsg.ProduceResponse](c, produceRequest(-1, "orders", []byte("records")))
	if got := produced.Topics[0].Partitions[0]; got.ErrorCode != 0 {
		t.Errorf("a produce that was passed on has error %d", got.ErrorCode)
	}
}

func TestAnInterceptorHangsUpWithoutAWord(t *testing.T) {
	r := start(t, newFakes(t), intercepting(func(context.Context, *Request) (kmsg.Response, error) {
		return nil, errors.New("not today")
	}))
	c := r.dial(t)
	c.send(metadataRequest(9, "orders"))
	c.wantClosed()
	if lines := r.log.count(""); lines != 0 {
		t.Errorf("%d lines were logged", lines)
	}
}

// TestALostAnswerIsServed checks that earlier requests are answered, and that the lost one was served.
func TestALostAnswerIsServed(t *testing.T) {
	held, f := new(heldProduces), newFakes(t)
	f.produce = held.produce
	asked := 0
	c := start(t, f, intercepting(func(context.Context, *Request) (kmsg.Response, error) {
		if asked++; asked == 2 {
			return nil, ErrLoseAnswer
		}
		return nil, nil
	})).dial(t)
	first, second := produceRequest(-1, "orders", []byte("one")), produceRequest(-1, "orders", []byte("two"))
	c.write(append(frameOf(first, 1), frameOf(second, 2)...))
	eventually(t, "both are served", func() bool { return held.len() == 2 })
	held.answer(1, 22, nil)
	held.answer(0, 11, nil)
	if got := receive[*kmsg.ProduceResponse](c, first, 1).Topics[0].Partitions[0].BaseOffset; got != 11 {
		t.Errorf("the first produce has offset %d", got)
	}
	c.wantClosed()
}

// TestAnInterceptorThatWaitsDoesNotKeepTheServer has a client go away, and the server stop, while the interceptor
// waits.
func TestAnInterceptorThatWaitsDoesNotKeepTheServer(t *testing.T) {
	waiting, ended := make(chan struct{}), make(chan struct{})
	r := start(t, newFakes(t), intercepting(func(ctx context.Context, _ *Request) (kmsg.Response, error) {
		waiting <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, nil
	}))
	gone := r.dial(t)
	gone.send(metadataRequest(9, "orders"))
	<-waiting
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	<-ended
	r.dial(t).send(metadataRequest(9, "orders"))
	<-waiting
	stopped := make(chan error)
	go func() { stopped <- r.stop() }()
	<-ended
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestAnInterceptorSeesALargeProduceAsAWhole(t *testing.T) {
	f := newFakes(t)
	f.ints["socket.request.max.bytes"] = 100 << 20
	records := bytes.Repeat([]byte("records "), streamAbove/4)
	var got []byte
	f.produce = func(req *replicas.ProduceRequest) {
		got = bytes.Clone(req.Partitions[0].Records)
		req.Done()
	}
	seen := 0
	c := start(t, f, intercepting(func(_ context.Context, r *Request) (kmsg.Response, error) {
		req, err := r.Decode()
		if err != nil {
			return nil, err
		}
		seen = len(req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Records)
		return nil, nil
	})).dial(t)
	ask[*kmsg.ProduceResponse](c, produceRequest(-1, "orders", records))
	if seen != len(records) || !bytes.Equal(got, records) {
		t.Errorf("the interceptor has seen %d bytes, the service %d, of %d", seen, len(got), len(records))
	}
}

// TestAProduceThatIsNotInterceptedIsStreamed has one that is larger than the memory for requests.
func TestAProduceThatIsNotInterceptedIsStreamed(t *testing.T) {
	f := newFakes(t)
	f.ints["socket.request.max.bytes"] = 100 << 20
	c := start(t, f, func(s *Settings, _ *Server) {
		s.Limits.RequestMemory = 2 << 20
		s.Interceptor = interceptor{answering, produceKey}
	}).dial(t)
	req := produceRequest(-1, "orders", make([]byte, 1<<20))
	for n := range int32(3) {
		part := req.Topics[0].Partitions[0]
		part.Partition = n + 1
		req.Topics[0].Partitions = append(req.Topics[0].Partitions, part)
	}
	for _, p := range ask[*kmsg.ProduceResponse](c, req).Topics[0].Partitions {
		if p.ErrorCode != 0 {
			t.Errorf("partition %d has error %d", p.Partition, p.ErrorCode)
		}
	}
	other := ask[*kmsg.MetadataResponse](c, metadataRequest(9, "orders"))
	if got := other.Topics[0].ErrorCode; got != kerr.LeaderNotAvailable.Code {
		t.Errorf("another API's request is not intercepted: the topic has error %d", got)
	}
}

// TestAnInterceptorGivesNoAnswerWhereNoneIsAwaited has a produce without acknowledgement answered.
func TestAnInterceptorGivesNoAnswerWhereNoneIsAwaited(t *testing.T) {
	c := start(t, newFakes(t), intercepting(func(ctx context.Context, r *Request) (kmsg.Response, error) {
		if r.Key == produceKey {
			return kmsg.NewPtrProduceResponse(), nil
		}
		return answering(ctx, r)
	})).dial(t)
	c.send(produceRequest(0, "orders", []byte("records")))
	ask[*kmsg.MetadataResponse](c, metadataRequest(9, "orders"))
}

func TestAnInterceptorMustAnswerInTheAPIThatWasAsked(t *testing.T) {
	r := start(t, newFakes(t), intercepting(func(context.Context, *Request) (kmsg.Response, error) {
		return kmsg.NewPtrProduceResponse(), nil
	}))
	c := r.dial(t)
	c.send(metadataRequest(9, "orders"))
	c.wantClosed()
	eventually(t, "it is logged", func() bool { return r.log.count("answers Metadata with a *kmsg.ProduceResponse") == 1 })
}
