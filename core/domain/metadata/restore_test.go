package metadata

import (
	"bytes"
	"strings"
	"testing"
)

func TestNothingIsGivenOutAgainAfterALoss(t *testing.T) {
	img := new(Image)
	do := func(cmd Command) Result {
		t.Helper()
		next, res, err := Apply(img, cmd)
		if err != nil {
			t.Fatal(err)
		}
		img = next
		return res
	}
	do(RegisterBroker{ID: 1, Incarnation: [16]byte{1}})
	do(CreateTopic{Name: "orders", ID: TopicID{1}, Partitions: 2, ReplicationFactor: 1})
	do(AllocateProducerIDs{Count: 1000})
	snapshot := img

	// What is lost, as much as there ever is between two snapshots, and a hundred times that.
	var epoch int64
	for n := range 1000 {
		epoch = do(RegisterBroker{ID: 1, Incarnation: [16]byte{2, byte(n), byte(n >> 8)}}).BrokerEpoch
		do(FenceBroker{ID: 1, Epoch: epoch})
	}
	last := do(AllocateProducerIDs{Count: 100_000_000}).ProducerIDs
	topic, _ := img.Topic("orders")
	lost := topic.Partitions[0]
	index := img.Index()

	for range 3 { // it may happen again
		img = snapshot.AfterLoss()
		snapshot = img
		if !img.Restored() || img.Index() <= index {
			t.Errorf("restored %t at index %d, lost was %d", img.Restored(), img.Index(), index)
		}
		if ids := do(AllocateProducerIDs{Count: 1000}).ProducerIDs; ids.First < last.First+last.Count {
			t.Errorf("producer ids from %d on are given again", ids.First)
		}
		if again := do(RegisterBroker{ID: 1, Incarnation: [16]byte{3}}).BrokerEpoch; again <= epoch {
			t.Errorf("broker epoch %d after %d", again, epoch)
		}
		for n := range 2 {
			topic, _ := img.Topic("orders")
			if p := topic.Partitions[n]; p.LeaderEpoch <= lost.LeaderEpoch || p.Version <= lost.Version {
				t.Errorf("partition %d has leader epoch %d and version %d, lost were %d and %d", n, p.LeaderEpoch,
					p.Version, lost.LeaderEpoch, lost.Version)
			}
		}
		index = img.Index()
	}
}

func TestThatAnImageWasRestoredIsKept(t *testing.T) {
	img, _, err := Apply(new(Image), InitCluster{ClusterID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []bool{false, true} {
		var snapshot bytes.Buffer
		var text strings.Builder
		if err := EncodeImage(&snapshot, img); err != nil {
			t.Fatal(err)
		}
		if err := Dump(&text, img); err != nil {
			t.Fatal(err)
		}
		decoded, err := DecodeImage(&snapshot)
		if err != nil || decoded.Restored() != want {
			t.Errorf("from a snapshot: restored %t, %v; want %t", decoded.Restored(), err, want)
		}
		parsed, err := ParseDump(strings.NewReader(text.String()))
		if err != nil || parsed.Restored() != want {
			t.Errorf("from a dump: restored %t, %v; want %t", parsed.Restored(), err, want)
		}
		img = img.AfterLoss()
	}
}
