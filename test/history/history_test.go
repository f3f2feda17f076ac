package history

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/chroniktest"
	"github.com/chronik-stream/chronik/test/harness"
)

// TestProducersOfADeletedTopicEndWithoutAnAnswer holds their records under way: franz-go gives those up only when the
// client is closed.
func TestProducersOfADeletedTopicEndWithoutAnAnswer(t *testing.T) {
	b := chroniktest.Broker(t)
	admin := kadm.NewClient(harness.NewClient(t, b.Addr()))
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "kept"); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{}, 1)
	b.Hook(kmsg.Produce, func(ctx context.Context, _ *chroniktest.Request) (kmsg.Response, error) {
		select {
		case arrived <- struct{}{}:
		default:
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	h := New(b.Addr())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.Produce(ctx, t, 0, 1, time.Millisecond)
	}()
	<-arrived
	h.Gone.Store(true)
	cancel()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the producer waits for answers that do not come")
	}
	if len(h.Acked) != 0 {
		t.Errorf("%d records are acknowledged", len(h.Acked))
	}
}
