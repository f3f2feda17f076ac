// Package groupstest provides requests and steps of consumer group clients for tests.
package groupstest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Coordinator is a coordinator as clients use it; *groups.Coordinator is one.
type Coordinator interface {
	Join(ctx context.Context, req classic.JoinRequest) classic.JoinResponse
	Sync(ctx context.Context, req classic.SyncRequest) classic.SyncResponse
	FetchOffsets(
		ctx context.Context, groupID string, partitions []group.TopicPartition, requireStable bool,
	) ([]group.FetchedOffset, error)
}

// ExistingTopics creates no topic.
type ExistingTopics struct {
	Store interface{ Image() *metadata.Image }
}

// EnsureInternal returns the topic if it exists.
func (e ExistingTopics) EnsureInternal(_ context.Context, name string) (*metadata.Topic, error) {
	if t, ok := e.Store.Image().Topic(name); ok {
		return t, nil
	}
	return nil, fault.UnknownTopicOrPartition
}

// Random returns bytes that are the same in each run. It is safe for concurrent use.
func Random(seed byte) io.Reader { return &lockedReader{r: rand.NewChaCha8([32]byte{seed})} }

type lockedReader struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// JoinRequest returns the request of a consumer with one assignor.
func JoinRequest(groupID, memberID, instanceID string) classic.JoinRequest {
	return classic.JoinRequest{
		Group: groupID, MemberID: memberID, InstanceID: instanceID, ProtocolType: "consumer",
		Protocols: []classic.Protocol{{
			Name: "range", Metadata: []byte("\x00\x01\x00\x00\x00\x01\x00\x06orders\xff\xff\xff\xff"),
		}},
		SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second,
		Client: group.Client{ID: "c", Host: "/127.0.0.1"},
	}
}

// Form joins n dynamic members to a group, waits until it is stable, and returns their ids; the first one is the
// leader. Each one's assignment is its position.
func Form(t *testing.T, g Coordinator, groupID string, n int) (ids []string, generation int32) {
	t.Helper()
	joins := make([]classic.JoinResponse, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { joins[i] = g.Join(t.Context(), JoinRequest(groupID, "", "")) })
	}
	wg.Wait()
	for i, r := range joins {
		if r.Err != nil {
			t.Fatalf("join: %v", r.Err)
		}
		if r.MemberID == r.Leader {
			joins[0], joins[i] = joins[i], joins[0]
		}
	}
	assignments := map[string][]byte{}
	for i, r := range joins {
		ids = append(ids, r.MemberID)
		assignments[r.MemberID] = []byte{byte(i)}
	}
	for i, r := range joins {
		wg.Go(func() {
			req := classic.SyncRequest{Group: groupID, MemberID: r.MemberID, Generation: r.Generation}
			if i == 0 {
				req.Assignments = assignments
			}
			if s := g.Sync(t.Context(), req); s.Err != nil || !bytes.Equal(s.Assignment, []byte{byte(i)}) {
				t.Errorf("sync of %d: %+v", i, s)
			}
		})
	}
	wg.Wait()
	return ids, joins[0].Generation
}

// CommitOf returns a commit of offsets for the partitions of "orders", from partition 0 on.
func CommitOf(groupID, memberID string, generation int32, offsets ...int64) *group.CommitRequest {
	req := &group.CommitRequest{Group: groupID, MemberID: memberID, Generation: generation, Retention: -1}
	for p, o := range offsets {
		req.Offsets = append(req.Offsets, group.OffsetCommit{
			TopicPartition: group.TopicPartition{Topic: "orders", Partition: int32(p)},
			Offset:         group.Offset{Offset: o, LeaderEpoch: -1},
		})
	}
	return req
}

// Committed returns the committed offset of orders-0, -1 for none.
func Committed(t testing.TB, g Coordinator, groupID string) int64 {
	t.Helper()
	got, err := g.FetchOffsets(t.Context(), groupID, []group.TopicPartition{{Topic: "orders"}}, false)
	if err != nil || len(got) != 1 {
		t.Fatalf("FetchOffsets() = %+v, %v", got, err)
	}
	return got[0].Offset.Offset
}

// Kind checks the kind of err.
func Kind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if got := fault.KindOf(err); got != want {
		t.Fatalf("error %v, want %v", err, want)
	}
}
