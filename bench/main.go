// Command bench measures Chronik and Apache Kafka side by side on this machine, in one run, under the same load from
// the same client. It prints the results of each and their ratios.
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
	nodes := flag.Int("nodes", 1, "how many brokers of each kind: 1, or 3 for clusters")
	only := flag.String("cases", "", "which cases to run, separated by commas; all by default")
	seconds := flag.Int("seconds", 8, "how long a throughput case sends, at the most")
	rounds := flag.Int("rounds", 3, "how often each case runs on each system; the medians are printed")
	binary := flag.String("chronik", "../bin/chronik-server", "the broker's binary")
	kafka := flag.String("kafka", "../test/harness/kafka/kafka", "the script that runs Apache Kafka")
	flag.Parse()

	chronik := func() (*system, error) { return startChronik(ctx, *binary, *nodes) }
	apache := func() (*system, error) { return startKafka(ctx, *kafka, *nodes) }
	r := runner{
		wanted: standaloneCases, rounds: *rounds, limit: time.Duration(*seconds) * time.Second,
		results: make(map[string]map[string]result),
	}
	if *nodes > 1 {
		r.wanted = clusterCases
	}
	if *only != "" {
		r.wanted = slices.DeleteFunc(r.wanted,
			func(c benchCase) bool { return !slices.Contains(strings.Split(*only, ","), c.name) })
	}
	if *nodes == 1 {
		if *only == "" || slices.Contains(strings.Split(*only, ","), "start") {
			if err := measureLargeStart(ctx, *binary); err != nil {
				return err
			}
		}
		return r.run(ctx, chronik, apache)
	}
	// A small machine cannot run two clusters at once, so they run one after the other.
	if err := r.run(ctx, chronik); err != nil {
		return err
	}
	return r.run(ctx, apache)
}

// runner runs cases, and prints each when both systems have done it.
type runner struct {
	wanted  []benchCase
	rounds  int
	limit   time.Duration
	results map[string]map[string]result // by the case and the system
}

// run starts systems, measures them in turn, and stops them.
func (r *runner) run(ctx context.Context, starts ...func() (*system, error)) error {
	var systems []*system
	for _, start := range starts {
		s, err := start()
		if err != nil {
			return err
		}
		defer s.stop()
		systems = append(systems, s)
	}
	time.Sleep(2 * time.Second) // lets them become idle before their memory is read
	for _, s := range systems {
		r.add("start", s, result{elapsed: s.startup, rss: s.rss()})
	}
	if len(r.results["start"]) == 2 {
		reportStart(r.results["start"])
	}
	for _, c := range r.wanted {
		found := make(map[*system][]result)
		for round := range r.rounds {
			if c.once && round > 0 {
				break
			}
			for _, s := range systems {
				one, err := c.measure(ctx, s, r.limit)
				if err != nil {
					return fmt.Errorf("%s on %s: %w", c.name, s.name, err)
				}
				found[s] = append(found[s], one)
			}
		}
		for _, s := range systems {
			r.add(c.name, s, median(found[s]))
		}
		if len(r.results[c.name]) == 2 {
			report(c, r.results[c.name])
		}
	}
	return nil
}

func (r *runner) add(name string, s *system, found result) {
	if r.results[name] == nil {
		r.results[name] = make(map[string]result)
	}
	r.results[name][s.name] = found
}
