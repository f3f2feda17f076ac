package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// benchCase is one kind of load.
type benchCase struct {
	name    string
	what    string
	measure func(ctx context.Context, s *system, limit time.Duration) (result, error)
	once    bool // it leaves data behind, so that it cannot run in rounds
}

// standaloneCases are those of one broker.
var standaloneCases = []benchCase{
	{"1k", "1 KiB records, 6 partitions, acks=all", producing(6, 1024, 400_000), false},
	{"100b", "100 B records, 6 partitions, acks=all", producing(6, 100, 2_000_000), false},
	{"one", "one 1 KiB record at a time, acks=all", oneAtATime, false},
	{"500p", "1 KiB records, 500 partitions, acks=all", producing(500, 1024, 300_000), false},
	{"read", "catch-up reads of 1 KiB records, 6 partitions", catchUp, false},
	{"e2e", "end to end at 5,000 records/s of 1 KiB", endToEnd, false},
	{"idle", "2,000 idle connections", idleConnections, false},
}

// clusterCases are those of a cluster.
var clusterCases = []benchCase{
	{"1k", "1 KiB records, 6 partitions, acks=all", producing(6, 1024, 400_000), false},
	{"100b", "100 B records, 6 partitions, acks=all", producing(6, 100, 2_000_000), false},
	{"one", "one 1 KiB record at a time, acks=all", oneAtATime, false},
	{"60p", "1 KiB records, 60 partitions, acks=all", producing(60, 1024, 400_000), false},
	{"read", "catch-up reads of 1 KiB records, 6 partitions", catchUp, false},
	{"1000p", "1,000 more partitions with 3 replicas, idle", idlePartitions, true},
}

// topic creates a topic for one measurement, with the brokers' default replication factor, and returns when all its
// replicas are in sync.
func topic(ctx context.Context, s *system, partitions int32) (string, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...))
	if err != nil {
		return "", err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	name := fmt.Sprintf("bench-%08x", rand.Uint32())
	if _, err := admin.CreateTopic(ctx, partitions, -1, nil, name); err != nil {
		return "", err
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		topics, err := admin.ListTopics(ctx, name)
		if err == nil && inSync(topics[name], int(partitions), len(s.addrs)) {
			return name, nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return "", fmt.Errorf("the replicas of %s do not get in sync: %w", name,
				cmp.Or(err, context.DeadlineExceeded))
		}
	}
}

func inSync(t kadm.TopicDetail, partitions, replicas int) bool {
	for _, p := range t.Partitions {
		if p.Err != nil || p.Leader < 0 || len(p.ISR) < replicas {
			return false
		}
	}
	return len(t.Partitions) == partitions
}

func deleteTopic(ctx context.Context, s *system, name string) {
	if cl, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...)); err == nil {
		kadm.NewClient(cl).DeleteTopic(ctx, name)
		cl.Close()
	}
}

// payload returns a record's value that does not compress well.
func payload(size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(rand.Uint32())
	}
	return p
}

// fill sends up to n records within limit and returns how many were acknowledged, and their latencies.
func fill(ctx context.Context, s *system, topic string, size, n int,
	limit time.Duration,
) (int, []time.Duration, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.DefaultProduceTopic(topic),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.MaxBufferedRecords(20_000),
		kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return 0, nil, err
	}
	defer cl.Close()
	value := payload(size)
	var mu sync.Mutex
	var latencies []time.Duration
	var acked int
	var failed error
	for end, i := time.Now().Add(limit), 0; i < n && time.Now().Before(end); i++ {
		sent := time.Now()
		cl.Produce(ctx, &kgo.Record{Value: value}, func(_ *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			acked++
			if acked%16 == 0 {
				latencies = append(latencies, time.Since(sent))
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return acked, latencies, err
	}
	return acked, latencies, failed
}

func producing(partitions int32, size, records int) func(context.Context, *system, time.Duration) (result, error) {
	return func(ctx context.Context, s *system, limit time.Duration) (result, error) {
		name, err := topic(ctx, s, partitions)
		if err != nil {
			return result{}, err
		}
		defer deleteTopic(ctx, s, name)
		// A warm-up opens the topic's logs and lets Java compile the path.
		if _, _, err := fill(ctx, s, name, size, records, limit/2); err != nil {
			return result{}, err
		}
		if err := readyMemory(); err != nil {
			return result{}, err
		}
		m := begin(s)
		n, latencies, err := fill(ctx, s, name, size, records, limit)
		return m.end(n, size, latencies), err
	}
}

func oneAtATime(ctx context.Context, s *system, limit time.Duration) (result, error) {
	name, err := topic(ctx, s, 1)
	if err != nil {
		return result{}, err
	}
	defer deleteTopic(ctx, s, name)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.DefaultProduceTopic(name),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(0))
	if err != nil {
		return result{}, err
	}
	defer cl.Close()
	value := payload(1024)
	const warmUp = 200
	var latencies []time.Duration
	m := begin(s)
	for i, end := 0, time.Now().Add(limit); (time.Now().Before(end) || i <= warmUp) && i < 10_000; i++ {
		if i == warmUp {
			m, latencies = begin(s), nil
		}
		sent := time.Now()
		if err := cl.ProduceSync(ctx, &kgo.Record{Value: value}).FirstErr(); err != nil {
			return result{}, err
		}
		latencies = append(latencies, time.Since(sent))
	}
	return m.end(len(latencies), 1024, latencies), nil
}

func catchUp(ctx context.Context, s *system, limit time.Duration) (result, error) {
	name, err := topic(ctx, s, 6)
	if err != nil {
		return result{}, err
	}
	defer deleteTopic(ctx, s, name)
	const records = 400_000
	n, _, err := fill(ctx, s, name, 1024, records, 3*limit)
	if err != nil {
		return result{}, err
	}
	m := begin(s)
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.ConsumeTopics(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(50<<20), kgo.FetchMaxPartitionBytes(1<<20))
	if err != nil {
		return result{}, err
	}
	defer cl.Close()
	read := 0
	for read < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return result{}, err
		}
		read += fetches.NumRecords()
	}
	return m.end(read, 1024, nil), nil
}

func endToEnd(ctx context.Context, s *system, limit time.Duration) (result, error) {
	name, err := topic(ctx, s, 6)
	if err != nil {
		return result{}, err
	}
	defer deleteTopic(ctx, s, name)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	consumer, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.ConsumeTopics(name),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return result{}, err
	}
	defer consumer.Close()
	var latencies []time.Duration
	var consumed atomic.Int64
	var reader sync.WaitGroup
	reader.Go(func() {
		for reading.Err() == nil {
			fetches := consumer.PollFetches(reading)
			now := time.Now()
			fetches.EachRecord(func(r *kgo.Record) {
				if consumed.Add(1) > 2000 { // the first ones warm up
					latencies = append(latencies, now.Sub(r.Timestamp))
				}
			})
		}
	})
	producer, err := kgo.NewClient(kgo.SeedBrokers(s.addrs...), kgo.DefaultProduceTopic(name),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProducerLinger(0))
	if err != nil {
		return result{}, err
	}
	defer producer.Close()
	value := payload(1024)
	m, sent := begin(s), 0
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); time.Now().Before(end); <-tick.C {
		for range 5 {
			producer.Produce(ctx, &kgo.Record{Value: value, Timestamp: time.Now()}, nil)
			sent++
		}
	}
	if err := producer.Flush(ctx); err != nil {
		return result{}, err
	}
	for deadline := time.Now().Add(10 * time.Second); int(consumed.Load()) < sent && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	stop()
	reader.Wait()
	if int(consumed.Load()) < sent {
		return result{}, fmt.Errorf("%d of %d records came", consumed.Load(), sent)
	}
	return m.end(sent, 1024, latencies), nil
}

func idleConnections(ctx context.Context, s *system, limit time.Duration) (result, error) {
	before := s.rss()
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	var dialer net.Dialer
	for range 2000 {
		c, err := dialer.DialContext(ctx, "tcp", s.addrs[0])
		if err != nil {
			return result{}, err
		}
		conns = append(conns, c)
		// An ApiVersions request v0, so that the broker has handled the connection.
		if _, err := c.Write([]byte{0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255}); err != nil {
			return result{}, err
		}
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			return result{}, err
		}
	}
	m := begin(s)
	time.Sleep(min(limit, 3*time.Second)) // the idle broker is what is measured
	r := m.end(0, 0, nil)
	r.extra = s.rss() - before
	return r, nil
}

func idlePartitions(ctx context.Context, s *system, limit time.Duration) (result, error) {
	before := s.rss()
	if _, err := topic(ctx, s, 1000); err != nil {
		return result{}, err
	}
	time.Sleep(limit) // lets the brokers finish the creation of the partitions
	m := begin(s)
	time.Sleep(limit)
	r := m.end(0, 0, nil)
	r.extra = s.rss() - before
	return r, nil
}
