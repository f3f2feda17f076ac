package coordinator_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// operation is a request of a client, and its answer.
type operation struct {
	key         string
	amount      int64 // added; 0 for one that reads
	sum         int64 // the answer
	answered    bool  // without an error
	began, over int64 // ticks of the history
	place       int   // in the account's log; set by check
}

// history records the operations of clients. Ticks order their beginnings and ends.
type history struct {
	tick atomic.Int64
	mu   sync.Mutex
	ops  []operation
}

// do adds a random amount to an account, or reads it: on the coordinator according to the metadata, or on any broker.
func (h *history) do(ctx context.Context, random *rand.Rand, w *world) {
	op := operation{key: string(rune('a' + random.IntN(6))), began: h.tick.Add(1)}
	broker, _ := w.leader(partitionOf(op.key))
	if random.IntN(20) == 0 {
		broker = 1 + random.Int32N(brokers)
	}
	var err error
	if random.IntN(3) == 0 {
		op.sum, err = w.on[broker].Get(ctx, op.key)
	} else {
		op.amount = 1 + random.Int64N(1<<40) // every sum tells which amounts are in it
		op.sum, err = w.on[broker].Add(ctx, op.key, op.amount)
	}
	op.answered, op.over = err == nil, h.tick.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, op)
}

// keys are those that clients have asked for.
func (h *history) keys() map[string]bool {
	keys := map[string]bool{}
	for _, op := range h.ops {
		keys[op.key] = true
	}
	return keys
}

// check compares the history with the log. An account is linearizable when every answer is the sum at some place of its
// log, an amount was added at the place of its answer, and no operation is at a place before that of one that had ended
// when it began.
func (h *history) check(t *testing.T, log map[string][]posting) (answered int) {
	t.Helper()
	for key := range h.keys() { // one of which the log says nothing has the sum 0 only
		postings := log[key]
		places, sum := map[int64]int{0: 0}, int64(0) // sum → place
		for i, p := range postings {
			sum += p.amount
			places[sum] = i + 1
		}
		var byBegin []operation
		for _, op := range h.ops {
			if op.key != key || !op.answered {
				continue
			}
			at, ok := places[op.sum]
			if !ok || op.amount != 0 && postings[at-1].amount != op.amount {
				t.Fatalf("%+v has an answer that its log never had", op)
			}
			op.place = at
			byBegin = append(byBegin, op)
		}
		byEnd := slices.Clone(byBegin)
		slices.SortFunc(byBegin, func(a, b operation) int { return cmp.Compare(a.began, b.began) })
		slices.SortFunc(byEnd, func(a, b operation) int { return cmp.Compare(a.over, b.over) })
		var last operation // the one with the highest place of those that had ended
		for _, op := range byBegin {
			for ; byEnd[0].over < op.began; byEnd = byEnd[1:] {
				if byEnd[0].place >= last.place {
					last = byEnd[0]
				}
			}
			if op.place < last.place || op.place == last.place && op.amount != 0 {
				t.Fatalf("%+v comes after %+v", op, last)
			}
		}
		answered += len(byBegin)
	}
	return answered
}

// postings returns the postings of each account in the log.
func (w *world) postings() map[string][]posting {
	w.t.Helper()
	out := map[string][]posting{}
	for p := range int32(partitions) {
		for _, b := range w.log.Durable(p) {
			for r, err := range b.Records(record.Limits{}) {
				if err != nil {
					w.t.Fatal(err)
				}
				key, one, err := decode(r.Key, r.Value)
				if err != nil {
					w.t.Fatal(err)
				}
				out[key] = append(out[key], one)
			}
		}
	}
	return out
}

// trouble causes a random fault.
func (w *world) trouble(random *rand.Rand) {
	p := random.Int32N(partitions)
	switch random.IntN(6) {
	case 0:
		w.log.Set(func() { w.log.Lose = fault.KafkaStorageError })
		time.Sleep(30 * time.Millisecond)
		w.log.Set(func() { w.log.Lose = nil })
	case 1:
		w.log.Set(func() { w.log.Refuse = fault.NotEnoughReplicas })
		time.Sleep(30 * time.Millisecond)
		w.log.Set(func() { w.log.Refuse = nil })
	case 2:
		w.log.Set(func() { w.log.ReadDelay = time.Duration(random.IntN(3000)) * time.Millisecond })
	default:
		w.elect(p, 1+random.Int32N(brokers), random.IntN(4))
	}
}

// Anomaly 16. Coordinators replace each other at random, and writes are refused and lost. To clients they look like one
// coordinator that never fails: what was acknowledged stays, and each answer was right at a moment between request and
// answer.
func TestAcknowledgedWritesAreLinearizableAcrossFailovers(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			var h history
			inWorld(t, 20*time.Millisecond, func(t *testing.T, w *world) {
				ctx, cancel := context.WithCancel(t.Context())
				var clients sync.WaitGroup
				for i := range 8 {
					random := rand.New(rand.NewPCG(seed, uint64(i)))
					clients.Go(func() {
						for ctx.Err() == nil {
							h.do(ctx, random, w)
							time.Sleep(time.Duration(random.IntN(20)) * time.Millisecond)
						}
					})
				}
				random := rand.New(rand.NewPCG(seed, 99))
				for range 60 {
					time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond)
					w.trouble(random)
				}
				w.log.Set(func() { w.log.ReadDelay = 0 })
				time.Sleep(5 * time.Second)
				cancel()
				clients.Wait()
				time.Sleep(time.Second)

				log := w.postings()
				if n := h.check(t, log); n < 1000 {
					t.Errorf("only %d operations were answered", n)
				}
				for key := range h.keys() { // live and loaded states agree with the log
					sum := int64(0)
					for _, p := range log[key] {
						sum += p.amount
					}
					broker, _ := w.leader(partitionOf(key))
					sums(t, w.on[broker], key, sum)
					sums(t, w.restart(broker), key, sum)
				}
			})
		})
	}
}
