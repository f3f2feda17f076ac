package replicas

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

func TestAProcessTakesNothingThatMetadataSaysToAnotherUnderItsID(t *testing.T) {
	inRing(t, 3, func(t *testing.T, r *ring) {
		r.broker(1).sent("orders", "a")
		r.apply(metadata.RegisterBroker{ID: 3, Incarnation: [16]byte{2}, Fenced: true})
		b, _ := r.store.Image().Broker(3)
		r.apply(metadata.UnfenceBroker{ID: 3, Epoch: b.Epoch})
		time.Sleep(2 * ringLag)
		if at := r.at("orders"); len(at.ISR) != 2 {
			t.Errorf("a process has joined in the name of another: %+v", at)
		}
		r.agree("orders", []int32{1, 2}, "a")

		r.apply(metadata.FenceBroker{ID: 2, Epoch: 2})
		r.apply(metadata.AlterPartition{
			TopicID: metadata.TopicID{1}, BrokerID: 1, BrokerEpoch: 1, LeaderEpoch: r.at("orders").LeaderEpoch,
			Version: r.at("orders").Version,
			ISR:     []int32{1, 3},
		})
		r.apply(metadata.FenceBroker{ID: 1, Epoch: 1})
		if at := r.at("orders"); at.Leader != 3 {
			t.Fatalf("led by %d", at.Leader)
		}
		if _, err := answered(t, r.broker(3).send("orders", 1, "b")); !errors.Is(err, fault.NotLeaderOrFollower) {
			t.Errorf("a process leads in the place of another: %v", err)
		}
	})
}

func TestAPartitionThatIsOpenedBeforeItsRegistrationIsSeenHasNoRole(t *testing.T) {
	f := newFixture(t)
	ps := NewPartitions(f.store, f.logs, f.configs, 1, 99, NewEndlessLease(time.Now), nil, time.Now,
		slog.New(slog.DiscardHandler))
	topic, _ := f.store.Image().Topic("orders")
	p, err := ps.Leader(t.Context(), topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := p.view(partition.NoEpoch)
	if err := v.checkLeader(-1); !errors.Is(err, fault.NotLeaderOrFollower) {
		t.Errorf("an image from before the registration makes it leader: %v", err)
	}
}

func TestAnImageThatIsBehindRemovesNoLog(t *testing.T) {
	f := newFixture(t)
	id := metadata.TopicID{1}
	f.apply(t, metadata.RegisterBroker{ID: 2})
	f.apply(t, metadata.AlterReassignment{TopicID: id, Replicas: []int32{1, 2}})
	f.apply(t, metadata.AlterPartition{TopicID: id, BrokerID: 1, BrokerEpoch: 1, Version: 1, ISR: []int32{1, 2}})
	f.apply(t, metadata.AlterReassignment{TopicID: id, Replicas: []int32{2}})
	behind := f.store.Image()
	f.apply(t, metadata.AlterReassignment{TopicID: id, Replicas: []int32{2, 1}})
	f.followTo(t, behind)
	if len(f.logs.Deleted()) > 0 {
		t.Errorf("deleted %v, of which there is a replica again", f.logs.Deleted())
	}
	f.follow(t)
	f.apply(t, metadata.AlterReassignment{TopicID: id, Replicas: []int32{2}})
	f.follow(t)
	if len(f.logs.Deleted()) != 1 {
		t.Errorf("deleted %v, want the log of the replica that has gone", f.logs.Deleted())
	}
}
