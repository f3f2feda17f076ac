package main

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The partitions of a large broker: 100,000.
const (
	largeTopics     = 1_000
	largePartitions = 100
)

// measureLargeStart prints how long Chronik takes to start when it has 100,000 partitions. Apache Kafka is not
// measured: it creates a directory with files for each, which takes minutes.
func measureLargeStart(ctx context.Context, binary string) error {
	s, err := startChronik(ctx, binary, 1)
	if err != nil {
		return err
	}
	defer s.stop()
	empty := s.startup
	if err := createMany(ctx, s); err != nil {
		return err
	}
	s.end()
	for i, cmd := range s.cmds {
		s.cmds[i] = exec.Command(cmd.Path, cmd.Args[1:]...)
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	fmt.Printf("start-up of chronik with %d partitions: %.0f ms, %.1f MiB; without: %.0f ms\n\n",
		largeTopics*largePartitions, ms(s.startup), mib(s.rss()), ms(empty))
	return nil
}

func createMany(ctx context.Context, s *system) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...))
	if err != nil {
		return err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	for first := 0; first < largeTopics; first += 100 {
		var names []string
		for i := range 100 {
			names = append(names, fmt.Sprintf("large-%d", first+i))
		}
		created, err := admin.CreateTopics(ctx, largePartitions, 1, nil, names...)
		if err == nil {
			err = created.Error()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
