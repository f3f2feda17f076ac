package replicas

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/pause"
)

func TestAResignationThatIsRefusedIsRepeatedNowAndThen(t *testing.T) {
	openFiles := fault.New(fault.KafkaStorageError, "too many open files")
	for name, fail := range map[string]func(r *ring){
		"the log cannot be opened": func(r *ring) {
			r.broker(2).logs.OnOpening(func(ports.LogID) error { return openFiles })
			r.create("new", 2)
		},
		"the log has failed": func(r *ring) {
			r.create("new", 2)
			r.broker(2).sent("new", "a")
			r.broker(2).logs.Fail(openFiles)
		},
	} {
		for refusal, err := range map[string]error{
			"metadata has moved on":     fault.InvalidUpdateVersion,
			"another replica is fenced": fault.IneligibleReplica,
			"nobody leads the metadata": fault.NotController,
			"nobody answers in time":    nil,
		} {
			t.Run(name+", "+refusal, func(t *testing.T) {
				inRing(t, 3, func(t *testing.T, r *ring) {
					var tries, refused atomic.Int32
					refused.Store(1)
					refuse := func(ctx context.Context, cmd metadata.Command) error {
						if c, ok := cmd.(metadata.AlterPartition); !ok || c.TopicID == (metadata.TopicID{1}) {
							return nil
						}
						tries.Add(1)
						switch {
						case refused.Load() == 0:
							return nil
						case err != nil:
							return err
						}
						pause.For(ctx, 300*time.Millisecond)
						return context.DeadlineExceeded
					}
					r.broker(2).applying.Store(&refuse)
					fail(r)
					time.Sleep(time.Minute)
					if n := tries.Load(); n < 20 || n > 40 {
						t.Errorf("it was tried %d times in a minute", n)
					}
					refused.Store(0)
					time.Sleep(3 * time.Second)
					if at := r.at("new"); at.Leader == 2 || len(at.ISR) != 2 {
						t.Errorf("broker 2 has not resigned: %+v", at)
					}
				})
			})
		}
	}
}

func TestAChangeOfTheISRThatIsRefusedIsRepeatedNowAndThen(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		var tries atomic.Int32
		refuse := func(context.Context, metadata.Command) error {
			tries.Add(1)
			return fault.IneligibleReplica
		}
		r.broker(1).applying.Store(&refuse)
		r.broker(1).sent("orders", "a")
		r.isolate(3)
		time.Sleep(100 * time.Millisecond)
		answer := r.broker(1).send("orders", -1, "b")
		time.Sleep(ringLag + time.Minute)
		if n := tries.Load(); n < 20 || n > 40 {
			t.Errorf("it was tried %d times in a minute", n)
		}
		r.broker(1).applying.Store(nil)
		if _, err := answered(t, answer); !errors.Is(err, fault.RequestTimedOut) {
			t.Errorf("what broker 3 has not got is answered with %v", err)
		}
		r.agree("orders", []int32{1, 2}, "a", "b")
	})
}

func TestProposalsThatHangDelayNoAnswer(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		for n := range 2 * proposalsAtOnce {
			topic := fmt.Sprint("many-", n)
			r.create(topic, 1)
			r.broker(1).sent(topic, "a")
		}
		hang := func(ctx context.Context, _ metadata.Command) error { <-ctx.Done(); return ctx.Err() }
		r.broker(1).applying.Store(&hang)
		r.isolate(3)
		time.Sleep(2 * ringLag) // each of them wants to go on without broker 3
		took, err := answered(t, r.broker(1).sendWithin(time.Second, "orders", -1, "a"))
		if !errors.Is(err, fault.RequestTimedOut) || took > 1500*time.Millisecond {
			t.Errorf("answered with %v after %v, want that the second is over", err, took)
		}
		r.broker(1).applying.Store(nil)
		r.heal(3)
		time.Sleep(time.Minute)
		for n := range 2 * proposalsAtOnce {
			if at := r.at(fmt.Sprint("many-", n)); len(at.ISR) != 3 {
				t.Errorf("in-sync replicas: %+v", at)
			}
		}
	})
}
