package wiring

import (
	"io"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestABrokerHasTheIDThatKafkasKeyGivesItAndKeepsIt(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time from what the first has stored
		s := start(t, config(t, dir, "kafka.node.id=0"), io.Discard)
		cl := client(t, s, kgo.DefaultProduceTopic("kept"), kgo.AllowAutoTopicCreation())
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord("a")).FirstErr(); err != nil {
			t.Fatal(err)
		}
		meta, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if meta.ControllerID != 0 || len(meta.Brokers) != 1 || meta.Brokers[0].NodeID != 0 ||
			meta.Topics[0].Partitions[0].Leader != 0 {
			t.Errorf("metadata %+v", meta)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := startQuietly(t.Context(), config(t, dir)); err == nil ||
		!strings.Contains(err.Error(), "that of broker 0") {
		t.Errorf("a start as another broker: %v", err)
	}
}
