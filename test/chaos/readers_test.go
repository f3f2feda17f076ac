//go:build raft

package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/history"
)

// readers is a group that reads while the producers of a history write, with what it has read and committed.
type readers struct {
	seeds []string

	mu        sync.Mutex
	shown     map[history.Position]int64 // the record that was read at a position
	committed map[int32]int64            // the group's highest acknowledged offset, by partition
}

const groupOfReaders = "readers"

func newReaders(seeds []string) *readers {
	return &readers{seeds: seeds, shown: make(map[history.Position]int64), committed: make(map[int32]int64)}
}

// consume is one member. What it reads has no gaps and does not go back, except when it is assigned a partition again:
// then it begins at the group's committed offset or later.
func (r *readers) consume(ctx context.Context, t *testing.T) {
	var mu sync.Mutex
	next, floor := make(map[int32]int64), make(map[int32]int64)
	moved := func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
		known := r.known()
		mu.Lock()
		defer mu.Unlock()
		for _, p := range parts["kept"] {
			delete(next, p)
			floor[p] = known[p]
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.seeds...), kgo.ConsumerGroup(groupOfReaders), kgo.ConsumeTopics("kept"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.FetchMaxWait(500*time.Millisecond), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.OnPartitionsAssigned(moved), kgo.OnPartitionsRevoked(moved), kgo.OnPartitionsLost(moved))
	if err != nil {
		t.Error(err)
		return
	}
	defer cl.CloseAllowingRebalance()
	for ctx.Err() == nil {
		fetches := cl.PollRecords(ctx, 2000)
		fetches.EachError(func(_ string, partition int32, err error) {
			if lost := (*kgo.ErrDataLoss)(nil); errors.As(err, &lost) {
				t.Errorf("partition %d: a consumer reports lost records: %v", partition, err)
			}
		})
		ends := make(map[int32]int64)
		mu.Lock()
		fetches.EachRecord(func(rec *kgo.Record) {
			p := rec.Partition
			if want, ok := next[p]; ok && rec.Offset != want {
				t.Errorf("partition %d: a consumer was at %d and is shown %d", p, want, rec.Offset)
			} else if !ok && rec.Offset < floor[p] {
				t.Errorf("partition %d: a member begins at %d, the group has committed %d", p, rec.Offset, floor[p])
			}
			next[p], ends[p] = rec.Offset+1, rec.Offset+1
			r.read(t, history.Position{Partition: p, Offset: rec.Offset}, int64(binary.BigEndian.Uint64(rec.Value)))
		})
		mu.Unlock()
		committing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		if len(ends) > 0 && cl.CommitUncommittedOffsets(committing) == nil {
			r.note(ends)
		}
		cancel()
		cl.AllowRebalance()
	}
}

// read records what is at a position: it must never change.
func (r *readers) read(t *testing.T, at history.Position, key int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before, ok := r.shown[at]; ok && before != key {
		t.Errorf("at %v is record %s, and was record %s", at, history.Name(key), history.Name(before))
	}
	r.shown[at] = key
}

func (r *readers) note(offsets map[int32]int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, offset := range offsets {
		r.committed[p] = max(r.committed[p], offset)
	}
}

func (r *readers) known() map[int32]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.committed)
}

// watch fetches the group's offsets until ctx ends: they never go back.
func (r *readers) watch(ctx context.Context, t *testing.T) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.seeds...))
	if err != nil {
		t.Error(err)
		return
	}
	defer cl.Close()
	for tick := time.NewTicker(200 * time.Millisecond); ctx.Err() == nil; <-tick.C {
		r.checkCommitted(ctx, t, cl)
	}
}

// checkCommitted compares the group's offsets with those known before. It reports false when there is no answer.
func (r *readers) checkCommitted(ctx context.Context, t *testing.T, cl *kgo.Client) bool {
	known := r.known()
	asking, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	fetched, err := kadm.NewClient(cl).FetchOffsets(asking, groupOfReaders)
	if err != nil {
		return false
	}
	offsets := make(map[int32]int64)
	fetched.Each(func(o kadm.OffsetResponse) {
		if o.Err == nil && o.At >= 0 {
			offsets[o.Partition] = o.At
		}
	})
	for p, before := range known {
		if offsets[p] < before {
			t.Errorf("partition %d: the group's offset is %d, and was %d", p, offsets[p], before)
		}
	}
	r.note(offsets)
	return true
}
