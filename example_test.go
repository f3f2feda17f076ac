package chronik_test

import (
	"context"
	"fmt"
	"log"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik"
)

// A broker in memory, with a client in the same process.
func Example() {
	ctx := context.Background()
	broker, err := chronik.Start(ctx, chronik.Options{Topics: []chronik.Topic{{Name: "greetings"}}})
	if err != nil {
		log.Fatal(err)
	}
	defer broker.Close()

	client, err := kgo.NewClient(kgo.SeedBrokers(broker.Addr()), kgo.ConsumeTopics("greetings"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, &kgo.Record{Topic: "greetings", Value: []byte("hello")}).FirstErr(); err != nil {
		log.Fatal(err)
	}
	for _, record := range client.PollFetches(ctx).Records() {
		fmt.Printf("%s %d: %s\n", record.Topic, record.Offset, record.Value)
	}
	// Output: greetings 0: hello
}

// A broker that keeps its records, at a port of its own, with some of Kafka's configs.
func ExampleStart_directory() {
	broker, err := chronik.Start(context.Background(), chronik.Options{
		Dir:     "/var/lib/orders/broker",
		Listen:  []string{"127.0.0.1:9092"},
		Configs: map[string]string{"num.partitions": "3", "log.retention.hours": "72"},
		Topics:  []chronik.Topic{{Name: "orders", Partitions: 12, Configs: map[string]string{"cleanup.policy": "compact"}}},
	})
	if err != nil {
		log.Fatal(err) // such as: start broker: listen on 127.0.0.1:9092 …: address already in use
	}
	defer broker.Close()
}
