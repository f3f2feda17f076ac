package replicas

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
	"github.com/chronik-stream/chronik/core/ports"
)

// sendAs begins to produce one record of an idempotent producer, and returns a channel that gets the answer.
func (b *ringBroker) sendAs(producer int64, sequence int32) <-chan error {
	b.t.Helper()
	answer := make(chan error, 1)
	o := record.Options{Producer: &record.Producer{ID: producer, Sequence: sequence}}
	req := &ProduceRequest{Acks: -1, Timeout: time.Minute, Parse: parseProduced}
	req.Partitions = []ProducePartition{{Topic: "orders", Records: newBatch(b.t, o, "a")}}
	req.Done = func() { answer <- req.Partitions[0].Err }
	b.produce.Produce(b.t.Context(), req)
	return answer
}

// sentAs is sendAs for a run of sequences that are taken.
func (b *ringBroker) sentAs(producer int64, from, to int32) {
	b.t.Helper()
	for sequence := from; sequence < to; sequence++ {
		if _, err := answered(b.t, b.sendAs(producer, sequence)); err != nil {
			b.t.Fatalf("sequence %d: %v", sequence, err)
		}
	}
}

// A producer goes on at the new leader while the old one, which knows nothing of that yet, has not answered what was
// sent before.
func TestANewLeaderKnowsWhatIsSentAgainHoweverFarBack(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sentAs(7, 0, 10)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		r.broker(2).sentAs(7, 10, 16)
		for _, sequence := range []int32{0, 5, 10} {
			if _, err := answered(t, r.broker(2).sendAs(7, sequence)); !errors.Is(err, fault.DuplicateSequence) {
				t.Errorf("sequence %d again: %v", sequence, err)
			}
		}
		r.broker(2).sentAs(7, 11, 17) // remembered, and the next one
	})
}

func TestADuplicateFromFurtherBackIsAnsweredWhenItIsReplicated(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sentAs(7, 0, 1)
		r.broker(3).logs.Hold()
		var waiting []<-chan error
		for sequence := range int32(8) {
			waiting = append(waiting, r.broker(1).sendAs(7, 1+sequence))
		}
		again := r.broker(1).sendAs(7, 2)
		synctest.Wait()
		select {
		case err := <-again:
			t.Errorf("answered before all replicas have it: %v", err)
		default:
		}
		r.broker(3).logs.Release()
		if _, err := answered(t, again); !errors.Is(err, fault.DuplicateSequence) {
			t.Errorf("answered with %v", err)
		}
		for i, answer := range waiting {
			if _, err := answered(t, answer); err != nil {
				t.Errorf("batch %d: %v", i, err)
			}
		}
	})
}

func TestWhatIsMissingIsExpectedAfterARefusal(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sentAs(7, 0, 1)
		if _, err := answered(t, r.broker(1).sendAs(7, 2)); !errors.Is(err, fault.OutOfOrderSequence) {
			t.Errorf("a gap: %v", err)
		}
		r.isolate(2)
		r.isolate(3)
		if _, err := answered(t, r.broker(1).sendAs(7, 1)); !errors.Is(err, fault.NotEnoughReplicasAfterAppend) {
			t.Fatalf("without in-sync replicas: %v", err)
		}
		if _, err := answered(t, r.broker(1).sendAs(7, 2)); !errors.Is(err, fault.NotEnoughReplicas) {
			t.Fatalf("without in-sync replicas: %v", err)
		}
		r.heal(2)
		r.heal(3)
		r.agree("orders", []int32{1, 2, 3}, "a", "a")
		if _, err := answered(t, r.broker(1).sendAs(7, 3)); !errors.Is(err, fault.NotEnoughReplicas) {
			t.Errorf("behind the one that was refused: %v", err)
		}
		r.broker(1).sentAs(7, 1, 4)
		time.Sleep(gapPatience)
		if _, err := answered(t, r.broker(1).sendAs(7, 9)); !errors.Is(err, fault.OutOfOrderSequence) {
			t.Errorf("a gap, later: %v", err)
		}
	})
}

func TestWhatIsMissingIsExpectedByANewLeader(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sentAs(7, 0, 1)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		r.broker(2).sentAs(8, 0, 1)
		if _, err := answered(t, r.broker(2).sendAs(7, 2)); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("a gap at a new leader: %v", err)
		}
		r.broker(2).sentAs(7, 1, 3)
		time.Sleep(gapPatience)
		if _, err := answered(t, r.broker(2).sendAs(7, 4)); !errors.Is(err, fault.OutOfOrderSequence) {
			t.Errorf("a gap, later: %v", err)
		}
	})
}

// The first batches of a producer are under way to the old leader, which is cut off, when the producer goes on at the
// new one.
func TestTheFirstBatchesOfAProducerAreExpectedByANewLeader(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sentAs(8, 0, 1)
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		r.broker(2).sentAs(9, 0, 1) // a producer that has nothing under way
		if _, err := answered(t, r.broker(2).sendAs(7, 2)); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("the third batch of an unknown producer at a new leader: %v", err)
		}
		r.broker(2).sentAs(7, 0, 4)
	})
}

func TestAForgottenProducerWaitsForNothingButTheElection(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sentAs(7, 50, 52) // nothing was refused, and the leader is that of the start
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		r.broker(2).sentAs(9, 0, 1)
		if _, err := answered(t, r.broker(2).sendAs(6, 50)); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("an unknown producer after an election: %v", err)
		}
		time.Sleep(gapPatience)
		r.broker(2).sentAs(6, 50, 52)
	})
}

func TestTheFirstBatchOfAProducerIsExpectedAfterItWasRefused(t *testing.T) {
	f, d := newFixture(t), &memDisk{total: muchSpace}
	s := newSpace(t, d)
	f.partitions.Within(s)
	send := func(sequence int32, value string) error {
		o := record.Options{Producer: &record.Producer{ID: 7, Sequence: sequence}}
		return f.sent(t, newBatch(t, o, value)).Err
	}
	d.has(testRule.Floor(space.Records) + 100)
	s.review()
	if err := send(0, strings.Repeat("large", 100)); !errors.Is(err, fault.KafkaStorageError) {
		t.Fatalf("a batch for which there is no space: %v", err)
	}
	d.has(muchSpace)
	s.review()
	if err := send(1, "small"); !errors.Is(err, fault.KafkaStorageError) {
		t.Errorf("the batch behind: %v", err)
	}
	for sequence := range int32(2) {
		if err := send(sequence, "again"); err != nil {
			t.Errorf("sequence %d again: %v", sequence, err)
		}
	}
}

// A broker refuses the first batch of a producer for a topic that it does not know yet, because another broker has told
// the producer of it; or while it cannot open the log. The second batch is under way already.
func TestTheFirstBatchIsExpectedWhereItsPartitionWasNotOpenYet(t *testing.T) {
	send := func(t *testing.T, f *fixture, topic string, producer int64, sequence int32) error {
		t.Helper()
		done := make(chan struct{})
		o := record.Options{Producer: &record.Producer{ID: producer, Sequence: sequence}}
		req := &ProduceRequest{
			Acks: -1, Parse: parseProduced, Partitions: []ProducePartition{{Topic: topic, Records: newBatch(t, o, "a")}},
			Done: func() { close(done) },
		}
		f.produce.Produce(t.Context(), req)
		<-done
		return req.Partitions[0].Err
	}
	broken := errors.New("too many open files")
	for name, c := range map[string]struct {
		topic string
		opens func(t *testing.T, f *fixture)
		want  error
	}{
		"the topic is not known yet": {"new", func(t *testing.T, f *fixture) {
			f.apply(t, metadata.CreateTopic{Name: "new", ID: metadata.TopicID{2}, Partitions: 1, ReplicationFactor: 1})
		}, fault.UnknownTopicOrPartition},
		"the log cannot be opened": {"orders", func(_ *testing.T, f *fixture) {
			f.logs.OnOpening(func(ports.LogID) error { return nil })
			time.Sleep(reopenFirst)
		}, fault.KafkaStorageError},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.logs.OnOpening(func(ports.LogID) error { return broken })
				if err := send(t, f, c.topic, 7, 0); !errors.Is(err, c.want) {
					t.Fatalf("the first batch: %v, want %v", err, c.want)
				}
				f.logs.OnOpening(func(ports.LogID) error { return nil })
				c.opens(t, f)
				if err := send(t, f, c.topic, 7, 1); !errors.Is(err, fault.NotLeaderOrFollower) {
					t.Errorf("the second batch: %v", err)
				}
				for sequence := range int32(3) {
					if err := send(t, f, c.topic, 7, sequence); err != nil {
						t.Errorf("sequence %d again: %v", sequence, err)
					}
				}
				time.Sleep(gapPatience)
				if err := send(t, f, c.topic, 8, 50); err != nil {
					t.Errorf("a producer that was forgotten, later: %v", err)
				}
			})
		})
	}
}
