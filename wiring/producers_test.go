package wiring

import (
	"fmt"
	"io"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// produceIdempotently appends a record to orders-0 by an idempotent producer.
func produceIdempotently(t *testing.T, s *Server) {
	t.Helper()
	c := client(t, s, kgo.AllowAutoTopicCreation())
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("one")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// remembered returns how many producers orders-0 remembers.
func remembered(t *testing.T, s *Server) int {
	t.Helper()
	var orders kadm.TopicsSet
	orders.Add("orders", 0)
	described, err := kadm.NewClient(client(t, s)).DescribeProducers(t.Context(), orders)
	if err != nil {
		t.Fatal(err)
	}
	at := described["orders"].Partitions[0]
	if at.Err != nil {
		t.Fatal(at.Err)
	}
	return len(at.ActiveProducers)
}

func TestIdleProducersAreForgottenWhileTheBrokerRuns(t *testing.T) {
	s := start(t, config(t, t.TempDir(), "kafka.producer.id.expiration.ms=1",
		"kafka.log.retention.check.interval.ms=10"), io.Discard)
	produceIdempotently(t, s)
	await(t, "the producer is forgotten", func() (string, bool) {
		n := remembered(t, s)
		return fmt.Sprint(n, " producers"), n == 0
	})
}

func TestIdleProducersAreForgottenOverARestart(t *testing.T) {
	dir := t.TempDir()
	first := start(t, config(t, dir), io.Discard)
	produceIdempotently(t, first)
	if n := remembered(t, first); n != 1 {
		t.Fatalf("%d producers are remembered, want 1", n)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, config(t, dir), io.Discard)
	if n := remembered(t, second); n != 1 {
		t.Fatalf("%d producers are remembered after a restart, want 1", n)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if n := remembered(t, start(t, config(t, dir, "kafka.producer.id.expiration.ms=1"), io.Discard)); n != 0 {
		t.Errorf("%d producers are remembered after their time, want 0", n)
	}
}
