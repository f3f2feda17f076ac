package chroniktest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik"
	"github.com/chronik-stream/chronik/chroniktest"
)

// A test with a broker of its own, which ends with the test.
func ExampleBroker() {
	inTest(func(t testing.TB) { // func TestGreetings(t *testing.T)
		broker := chroniktest.Broker(t)
		client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		record, err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "greetings", Value: []byte("hello")}).First()
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("produced to", record.Topic, "at offset", record.Offset)
	})
	// Output: produced to greetings at offset 0
}

// A producer sends to a partition whose leader has just moved away, and to a broker that does not answer in time.
func ExampleTestBroker_Hook() {
	inTest(func(t testing.TB) {
		broker := chroniktest.Broker(t)
		broker.Hook(kmsg.Produce, chroniktest.Times(1, chroniktest.Fail(kerr.NotLeaderForPartition)))
		broker.Hook(kmsg.Produce, chroniktest.Only(func(r *chroniktest.Request) bool { return r.ClientID == "unlucky" },
			func(context.Context, *chroniktest.Request) (kmsg.Response, error) {
				return nil, errors.New("unplugged")
			}))

		client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation(),
			kgo.MetadataMinAge(10*time.Millisecond)) // refresh the leaders now, and not only after five seconds
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		err = client.ProduceSync(t.Context(), &kgo.Record{Topic: "greetings", Value: []byte("hello")}).FirstErr()
		fmt.Println("a client that tries again:", err)
	})
	// Output: a client that tries again: <nil>
}

// A week passes in a moment, and retention deletes older records.
func ExampleTestBroker_Advance() {
	inTest(func(t testing.TB) {
		broker := chroniktest.BrokerWith(t, chronik.Options{Configs: map[string]string{"log.retention.hours": "24"}})
		client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.AllowAutoTopicCreation())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		hello := &kgo.Record{Topic: "greetings", Value: []byte("hello")}
		if err := client.ProduceSync(t.Context(), hello).FirstErr(); err != nil {
			t.Fatal(err)
		}
		broker.Advance(7 * 24 * time.Hour)
		starts, err := kadm.NewClient(client).ListStartOffsets(t.Context(), "greetings")
		if err != nil {
			t.Fatal(err)
		}
		start, _ := starts.Lookup("greetings", 0)
		fmt.Println("the log starts at offset", start.Offset)
	})
	// Output: the log starts at offset 1
}
