// Command bench measures Chronik and Apache Kafka side by side on this machine, in one run, under the same
// load from the same client, and prints what each did and the ratios.
//
// Chronik runs as it is installed: every acknowledgement waits for the sync that covers it. Apache Kafka runs with its
// defaults: it acknowledges what is in the page cache.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var names []string
	for _, c := range cases {
		names = append(names, c.name)
	}
	only := flag.String("cases", strings.Join(names, ","), "which cases to run, separated by commas")
	seconds := flag.Int("seconds", 8, "how long a throughput case sends, at the most")
	rounds := flag.Int("rounds", 3, "how often each case runs on each broker, in turn; the medians are printed")
	binary := flag.String("chronik", "../bin/chronik-server", "the broker's binary")
	kafka := flag.String("kafka", "../test/e2e/kafka/kafka", "the script that runs Apache Kafka")
	flag.Parse()

	chronik, err := startChronik(ctx, *binary)
	if err != nil {
		return err
	}
	defer chronik.stop()
	apache, err := startKafka(ctx, *kafka)
	if err != nil {
		return err
	}
	defer apache.stop()
	brokers := []*broker{chronik, apache}

	fmt.Printf("start-up to the first answer, idle memory\n")
	time.Sleep(2 * time.Second) // lets both settle before their idle memory is read
	for _, b := range brokers {
		fmt.Printf("  %-8s %7.0f ms %7.1f MiB\n", b.name, float64(b.startup.Microseconds())/1000, float64(b.rss())/(1<<20))
	}
	fmt.Printf("  ratio    %7.3f    %7.3f\n", chronik.startup.Seconds()/apache.startup.Seconds(), float64(chronik.rss())/float64(apache.rss()))

	wanted := strings.Split(*only, ",")
	for _, c := range cases {
		if !slices.Contains(wanted, c.name) {
			continue
		}
		results := make(map[string][]result)
		for round := range *rounds {
			for _, b := range brokers {
				r, err := c.measure(ctx, b, round, time.Duration(*seconds)*time.Second)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", c.name, b.name, err)
				}
				results[b.name] = append(results[b.name], r)
			}
		}
		report(c, median(results[chronik.name]), median(results[apache.name]))
	}
	return nil
}
