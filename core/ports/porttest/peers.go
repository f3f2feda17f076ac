package porttest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// The brokers of the suites of ports.Heartbeats and ports.ReplicaFetcher: Asked answers, Absent cannot be reached.
const (
	Asked  = 2
	Absent = 3
)

// Heartbeats checks the contract of ports.Heartbeats. open returns the heartbeats of broker 1. answer answers those
// that reach broker Asked; it may be called concurrently.
func Heartbeats(
	t *testing.T,
	open func(t *testing.T, answer func(ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error)) ports.Heartbeats,
) {
	t.Run("a heartbeat and its reply arrive whole", func(t *testing.T) {
		for _, sent := range []ports.BrokerHeartbeat{
			{BrokerID: 1, BrokerEpoch: 42, MetadataIndex: 7_000_000_000, WantFence: true},
			{BrokerID: 1, BrokerEpoch: -1, MetadataIndex: -1, WantShutDown: true},
		} {
			for _, reply := range []ports.BrokerHeartbeatReply{{}, {CaughtUp: true}, {Fenced: true}, {ShouldShutDown: true}} {
				var came ports.BrokerHeartbeat
				h := open(t, func(beat ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
					came = beat
					return reply,
						nil
				})
				got, err := h.Heartbeat(t.Context(), Asked, sent)
				if err != nil || got != reply || came != sent {
					t.Fatalf("Heartbeat(%+v) = %+v, %v; %+v has come", sent, got, err, came)
				}
			}
		}
	})
	t.Run("a refusal keeps its kind, and the next heartbeat is served", func(t *testing.T) {
		var refusal error
		h := open(t, func(ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
			return ports.BrokerHeartbeatReply{CaughtUp: true}, refusal
		})
		for _, kind := range []fault.Kind{fault.NotController, fault.StaleBrokerEpoch, fault.RequestTimedOut, fault.None} {
			if refusal = nil; kind != fault.None {
				refusal = fault.New(kind, "because it is so")
			}
			reply, err := h.Heartbeat(t.Context(), Asked, ports.BrokerHeartbeat{})
			if fault.KindOf(err) != kind || err == nil && !reply.CaughtUp {
				t.Errorf("Heartbeat() = %+v, %v of kind %v, want %v", reply, err, fault.KindOf(err), kind)
			}
		}
	})
	t.Run("a broker that cannot be reached is not available", func(t *testing.T) {
		h := open(t, func(ports.BrokerHeartbeat) (reply ports.BrokerHeartbeatReply, err error) { return reply, nil })
		if _, err := h.Heartbeat(t.Context(), Absent, ports.BrokerHeartbeat{}); !errors.Is(err, fault.BrokerNotAvailable) {
			t.Errorf("Heartbeat() = %v", err)
		}
	})
	t.Run("an ended context is the error", func(t *testing.T) {
		h := open(t, func(ports.BrokerHeartbeat) (reply ports.BrokerHeartbeatReply, err error) { return reply, nil })
		for _, node := range []int32{Asked, Absent} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := h.Heartbeat(ctx, node, ports.BrokerHeartbeat{}); !errors.Is(err, context.Canceled) {
				t.Errorf("to broker %d: Heartbeat() = %v", node, err)
			}
		}
		if _, err := h.Heartbeat(t.Context(), Asked, ports.BrokerHeartbeat{}); err != nil {
			t.Errorf("afterwards Heartbeat() = %v", err)
		}
	})
	t.Run("heartbeats may be sent concurrently", func(t *testing.T) {
		h := open(t, func(beat ports.BrokerHeartbeat) (ports.BrokerHeartbeatReply, error) {
			return ports.BrokerHeartbeatReply{CaughtUp: beat.MetadataIndex%2 == 0}, nil
		})
		var sending sync.WaitGroup
		for n := range int64(8) {
			sending.Go(func() {
				reply, err := h.Heartbeat(t.Context(), Asked, ports.BrokerHeartbeat{MetadataIndex: n})
				if err != nil || reply.CaughtUp != (n%2 == 0) {
					t.Errorf("Heartbeat(%d) = %+v, %v", n, reply, err)
				}
			})
		}
		sending.Wait()
	})
}

// fetchPartition returns a follower's request for one of the suite's partitions.
func fetchPartition(topic byte, partition int32, offset int64) ports.ReplicaFetchPartition {
	return ports.ReplicaFetchPartition{
		TopicID: metadata.TopicID{topic}, Partition: partition, Offset: offset, LogStart: offset / 2, LeaderEpoch: 5,
		LastEpoch: 4, MaxBytes: 1 << 20,
	}
}

// byPartition returns a request with its partitions sorted, since their order does not matter.
func byPartition(req ports.ReplicaFetch) ports.ReplicaFetch {
	req.Partitions = slices.SortedFunc(slices.Values(req.Partitions), func(a, b ports.ReplicaFetchPartition) int {
		return cmp.Or(slices.Compare(a.TopicID[:], b.TopicID[:]), cmp.Compare(a.Partition, b.Partition))
	})
	return req
}

// ReplicaFetcher checks the contract of ports.ReplicaFetcher. open returns the fetcher of broker 1. answer answers
// requests that reach broker Asked. It gets all partitions that are wanted, also those that are known from earlier
// requests.
func ReplicaFetcher(
	t *testing.T,
	open func(t *testing.T, answer func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error)) ports.ReplicaFetcher,
) {
	t.Run("each fetch asks for its partitions and no others", func(t *testing.T) {
		var came ports.ReplicaFetch
		f := open(t, func(req ports.ReplicaFetch) ([]ports.ReplicaFetched, error) { came = req; return nil, nil })
		req := ports.ReplicaFetch{BrokerEpoch: 42, MaxWait: 500 * time.Millisecond, MinBytes: 1, MaxBytes: 10 << 20}
		for step, wanted := range [][]ports.ReplicaFetchPartition{
			{fetchPartition(2, 1, 10), fetchPartition(1, 0, 0), fetchPartition(2, 0, 7)},
			{fetchPartition(2, 1, 10), fetchPartition(1, 0, 0), fetchPartition(2, 0, 7)}, // nothing has changed
			{fetchPartition(2, 1, 20), fetchPartition(1, 0, 0), fetchPartition(2, 0, 7)},
			{fetchPartition(2, 1, 20), fetchPartition(2, 0, 7)},
			{fetchPartition(2, 1, 20), fetchPartition(1, 0, 1), fetchPartition(3, 3, 3)},
			{},
			{fetchPartition(1, 0, 1)},
		} {
			req.Partitions = wanted
			if _, err := f.Fetch(t.Context(), Asked, req); err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(byPartition(req), byPartition(came)); diff != "" {
				t.Errorf("step %d: asked for, and what has come:\n%s", step, diff)
			}
		}
	})
	t.Run("answers arrive whole", func(t *testing.T) {
		want := []ports.ReplicaFetched{
			{TopicID: metadata.TopicID{1}, HighWatermark: 90, LogStart: 3, Records: []byte("some batches")},
			{TopicID: metadata.TopicID{1}, Partition: 4, HighWatermark: 7, LogStart: -1, Records: []byte{}},
			{
				TopicID: metadata.TopicID{2}, HighWatermark: 8, LogStart: 0, Diverging: true, DivergingEpoch: 3, DivergingEnd: 5,
				Records: []byte{},
			},
		}
		f := open(t, func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error) { return want, nil })
		req := ports.ReplicaFetch{Partitions: []ports.ReplicaFetchPartition{
			fetchPartition(1, 0, 9), fetchPartition(1, 4, 9), fetchPartition(2, 0, 9),
		}}
		got, err := f.Fetch(t.Context(), Asked, req)
		if diff := gocmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v, answered, and what has come:\n%s", err, diff)
		}
	})
	t.Run("a partition's error keeps its kind", func(t *testing.T) {
		var kind fault.Kind
		f := open(t, func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error) {
			return []ports.ReplicaFetched{{TopicID: metadata.TopicID{1}, Err: kind}}, nil
		})
		for _, kind = range []fault.Kind{
			fault.NotLeaderOrFollower, fault.FencedLeaderEpoch, fault.UnknownLeaderEpoch, fault.UnknownTopicID,
			fault.OffsetOutOfRange,
			fault.KafkaStorageError, fault.UnknownTopicOrPartition,
		} {
			got, err := f.Fetch(t.Context(), Asked,
				ports.ReplicaFetch{Partitions: []ports.ReplicaFetchPartition{fetchPartition(1, 0, 9)}})
			if err != nil || len(got) != 1 || !errors.Is(got[0].Err, kind) {
				t.Errorf("%v: Fetch() = %+v, %v", kind, got, err)
			}
		}
	})
	t.Run("a refusal keeps its kind, and the next fetch asks for everything", func(t *testing.T) {
		var (
			refusal error
			came    ports.ReplicaFetch
		)
		f := open(t, func(req ports.ReplicaFetch) ([]ports.ReplicaFetched, error) { came = req; return nil, refusal })
		req := ports.ReplicaFetch{Partitions: []ports.ReplicaFetchPartition{fetchPartition(1, 0, 9), fetchPartition(2, 0, 9)}}
		for _, refusal = range []error{nil, fault.StaleBrokerEpoch, nil, fault.New(fault.KafkaStorageError, "a disk"), nil} {
			came = ports.ReplicaFetch{}
			if _, err := f.Fetch(t.Context(), Asked, req); fault.KindOf(err) != fault.KindOf(refusal) {
				t.Errorf("Fetch() = %v, want %v", err, refusal)
			}
			if diff := gocmp.Diff(byPartition(req), byPartition(came)); diff != "" {
				t.Errorf("after %v: asked for, and what has come:\n%s", refusal, diff)
			}
		}
	})
	t.Run("a broker that cannot be reached is not available, and an ended context is the error", func(t *testing.T) {
		f := open(t, func(ports.ReplicaFetch) ([]ports.ReplicaFetched, error) { return nil, nil })
		if _, err := f.Fetch(t.Context(), Absent, ports.ReplicaFetch{}); !errors.Is(err, fault.BrokerNotAvailable) {
			t.Errorf("Fetch() = %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, node := range []int32{Asked, Absent} {
			if _, err := f.Fetch(ctx, node, ports.ReplicaFetch{}); !errors.Is(err, context.Canceled) {
				t.Errorf("of broker %d: Fetch() = %v", node, err)
			}
		}
		if _, err := f.Fetch(t.Context(), Asked, ports.ReplicaFetch{}); err != nil {
			t.Errorf("afterwards Fetch() = %v", err)
		}
	})
}
