package replicas

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// ask is a fetch of orders-0 and orders-1 from these offsets, without a session.
func ask(offsets ...int64) *FetchRequest {
	req := &FetchRequest{FromFollowers: true, MinBytes: 1, MaxBytes: 1 << 20, SessionEpoch: finalFetchEpoch}
	for i, o := range offsets {
		req.Partitions = append(req.Partitions, FetchPartition{
			FetchTarget: FetchTarget{Topic: "orders", Partition: int32(i)}, Offset: o, MaxBytes: 1 << 20, CurrentLeaderEpoch: -1,
			LastFetchedEpoch: -1,
		})
	}
	return req
}

func TestFetchWaitsForRecordsAndIsWokenByThem(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		req := ask(0, 0)
		req.MaxWait = time.Hour
		answer := make(chan *FetchResponse, 1)
		go func() { answer <- f.fetch.Fetch(t.Context(), req) }()
		synctest.Wait()
		select {
		case <-answer:
			t.Fatal("answered without records")
		default:
		}
		f.sent(t, newBatch(t, record.Options{}, "a"))
		resp := <-answer
		if resp.Partitions[0].Records.Size == 0 || resp.Partitions[0].HighWatermark != 1 {
			t.Errorf("woken with %+v", resp.Partitions[0])
		}
	})
}

func TestFetchAnswersWhenItsTimeIsUp(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		req, began := ask(0), time.Now()
		req.MaxWait = 500 * time.Millisecond
		resp := f.fetch.Fetch(t.Context(), req)
		if waited := time.Since(began); waited != req.MaxWait {
			t.Errorf("waited %v", waited)
		}
		if got := resp.Partitions[0]; got.Err != nil || got.Records.Size != 0 || got.HighWatermark != 0 {
			t.Errorf("answered %+v", got)
		}
	})
}

func TestFetchIsWokenWhenItsTopicIsDeleted(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		req := ask(0)
		req.MaxWait = time.Hour
		answer := make(chan *FetchResponse, 1)
		go func() { answer <- f.fetch.Fetch(t.Context(), req) }()
		synctest.Wait()
		f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1}})
		f.follow(t)
		if got := (<-answer).Partitions[0]; !errors.Is(got.Err, fault.UnknownTopicOrPartition) {
			t.Errorf("answered %v", got.Err)
		}
		if len(f.logs.Deleted()) != 1 {
			t.Errorf("deleted %v, want the one open log", f.logs.Deleted())
		}
	})
}

func TestWhatWasCommittedIsFetchedFromALogThatHasFailed(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "a"))
	f.logs.Fail(errors.New("input/output error"))
	if got := f.fetch.Fetch(t.Context(), ask(0)).Partitions[0]; got.Err != nil || got.Records.Size == 0 ||
		got.HighWatermark != 1 {
		t.Errorf("answered %+v", got)
	}
	if got := f.fetch.Fetch(t.Context(), ask(1)).Partitions[0]; !errors.Is(got.Err, fault.KafkaStorageError) {
		t.Errorf("at the end answered %v", got.Err)
	}
}

func TestFetchNeverShowsWhatIsNotDurable(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "a"))
	f.logs.Hold()
	_, done := f.send(t, newBatch(t, record.Options{}, "b"))
	got := f.fetch.Fetch(t.Context(), ask(1)).Partitions[0]
	if got.Err != nil || got.Records.Size != 0 || got.HighWatermark != 1 {
		t.Errorf("answered %+v", got)
	}
	f.logs.Release()
	<-done
	if got := f.fetch.Fetch(t.Context(), ask(1)).Partitions[0]; got.Records.Size == 0 || got.HighWatermark != 2 {
		t.Errorf("answered %+v", got)
	}
}

func TestFetchGivesTheFirstBatchHoweverLarge(t *testing.T) {
	f := newFixture(t)
	big := newBatch(t, record.Options{}, string(make([]byte, 5000)))
	f.sent(t, big)
	req := ask(0, 0)
	req.MaxBytes, req.Partitions[0].MaxBytes = 100, 100
	if got := f.fetch.Fetch(t.Context(), req).Partitions[0]; got.Records.Size != len(big) {
		t.Errorf("%d bytes, want %d", got.Records.Size, len(big))
	}
}

func TestFetchErrors(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "a"))
	for name, c := range map[string]struct {
		edit func(*FetchPartition)
		want fault.Kind
	}{
		"above the end":     {func(p *FetchPartition) { p.Offset = 2 }, fault.OffsetOutOfRange},
		"negative":          {func(p *FetchPartition) { p.Offset = -1 }, fault.OffsetOutOfRange},
		"unknown topic":     {func(p *FetchPartition) { p.Topic = "nowhere" }, fault.UnknownTopicOrPartition},
		"unknown partition": {func(p *FetchPartition) { p.Partition = 7 }, fault.UnknownTopicOrPartition},
		"newer epoch":       {func(p *FetchPartition) { p.CurrentLeaderEpoch = 5 }, fault.UnknownLeaderEpoch},
	} {
		t.Run(name, func(t *testing.T) {
			req := ask(0)
			req.MaxWait = time.Hour // an error is answered at once
			c.edit(&req.Partitions[0])
			if got := f.fetch.Fetch(t.Context(), req).Partitions[0]; !errors.Is(got.Err, c.want) || got.HighWatermark != -1 {
				t.Errorf("answered %v, high watermark %d", got.Err, got.HighWatermark)
			}
		})
	}
}

func TestAFetchSessionAnswersOnlyWhatHasChanged(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "a"))
	full := ask(0, 0)
	full.SessionEpoch = fullFetchEpoch
	opened := f.fetch.Fetch(t.Context(), full)
	if opened.SessionID == 0 || len(opened.Partitions) != 2 {
		t.Fatalf("opened %+v", opened)
	}
	next := func(epoch int32, partitions ...FetchPartition) *FetchResponse {
		req := &FetchRequest{
			FromFollowers: true, MinBytes: 1, MaxBytes: 1 << 20, SessionID: opened.SessionID,
			SessionEpoch: epoch, Partitions: partitions,
		}
		return f.fetch.Fetch(t.Context(), req)
	}
	past := full.Partitions[0]
	past.Offset = 1
	if got := next(1, past); len(got.Partitions) != 0 || got.Err != nil {
		t.Errorf("nothing is new, and the answer has %+v", got)
	}
	f.sent(t, newBatch(t, record.Options{}, "b"))
	if got := next(2); len(got.Partitions) != 1 || got.Partitions[0].HighWatermark != 2 {
		t.Errorf("one partition has news, and the answer has %+v", got.Partitions)
	}
	if got := next(2); !errors.Is(got.Err, fault.InvalidFetchSessionEpoch) {
		t.Errorf("an old epoch was answered %v", got.Err)
	}
	forget := &FetchRequest{
		FromFollowers: true, MinBytes: 1, MaxBytes: 1 << 20, SessionID: opened.SessionID,
		SessionEpoch: 3, Forgotten: []FetchTarget{full.Partitions[0].FetchTarget},
	}
	if got := f.fetch.Fetch(t.Context(), forget); len(got.Partitions) != 0 || got.Err != nil {
		t.Errorf("the answer has the forgotten partition: %+v", got)
	}
	ids := &FetchRequest{FromFollowers: true, SessionID: opened.SessionID, SessionEpoch: 4, UsesTopicIDs: true}
	if got := f.fetch.Fetch(t.Context(), ids); !errors.Is(got.Err, fault.FetchSessionTopicIDError) {
		t.Errorf("ids in a session of names were answered %v", got.Err)
	}
	closing := ask()
	closing.SessionID = opened.SessionID
	f.fetch.Fetch(t.Context(), closing)
	if got := next(4); !errors.Is(got.Err, fault.FetchSessionIDNotFound) || f.fetch.Sessions() != 0 {
		t.Errorf("the closed session was answered %v", got.Err)
	}
}

func TestFetchSessionsMakeRoomForLargerOnesOnly(t *testing.T) {
	f := newFixture(t)
	f.configs.ints["max.incremental.fetch.session.cache.slots"] = 1
	open := func(partitions ...int64) int32 {
		req := ask(partitions...)
		req.SessionEpoch = fullFetchEpoch
		return f.fetch.Fetch(context.Background(), req).SessionID
	}
	if open(0) == 0 {
		t.Fatal("the first gets no session")
	}
	if id := open(0); id != 0 {
		t.Errorf("an equal one got session %d though there is no free slot", id)
	}
	if open(0, 0) == 0 {
		t.Error("a larger one gets no session")
	}
	if n := f.fetch.Sessions(); n != 1 {
		t.Errorf("%d sessions, allowed 1", n)
	}
}

func TestFetchAfterAnEpochThatIsNotKnownIsOutOfRange(t *testing.T) {
	f := newFixture(t)
	f.sent(t, newBatch(t, record.Options{}, "a"))
	req := ask(1)
	req.Partitions[0].LastFetchedEpoch = 3
	if got := f.fetch.Fetch(t.Context(), req).Partitions[0]; !errors.Is(got.Err, fault.OffsetOutOfRange) ||
		got.Diverging != nil {
		t.Errorf("answered %v, diverging %v", got.Err, got.Diverging)
	}
}

func TestFetchSessionMayBeginWithoutPartitions(t *testing.T) {
	f := newFixture(t)
	req := ask()
	req.SessionEpoch = fullFetchEpoch
	id := f.fetch.Fetch(t.Context(), req).SessionID
	if id == 0 {
		t.Fatal("no session")
	}
	req = ask(0)
	req.SessionID, req.SessionEpoch = id, 1
	if resp := f.fetch.Fetch(t.Context(), req); resp.Err != nil || len(resp.Partitions) != 1 {
		t.Errorf("answered %v with %d partitions", resp.Err, len(resp.Partitions))
	}
}

func TestFetchSessionsTakeNoMoreThanTheirMemory(t *testing.T) {
	f := newFixture(t)
	f.apply(t, metadata.CreateTopic{Name: "many", ID: metadata.TopicID{2}, Partitions: 100, ReplicationFactor: 1})
	now := time.Now()
	f.fetch = NewFetch(f.partitions, f.configs, 100*(wantedCost+10), func() time.Time { return now })
	partitions := func(n int) (all []FetchPartition) {
		for i := range n {
			all = append(all, FetchPartition{
				FetchTarget: FetchTarget{Topic: "many", Partition: int32(i)}, MaxBytes: 1 << 20, CurrentLeaderEpoch: -1,
				LastFetchedEpoch: -1,
			})
		}
		return all
	}
	fetch := func(id, epoch int32, n int) *FetchResponse {
		return f.fetch.Fetch(t.Context(), &FetchRequest{
			FromFollowers: true, MinBytes: 1, MaxBytes: 1 << 20, SessionID: id, SessionEpoch: epoch, Partitions: partitions(n),
		})
	}
	first := fetch(0, fullFetchEpoch, 40).SessionID
	second := fetch(0, fullFetchEpoch, 40).SessionID
	if first == 0 || second == 0 {
		t.Fatalf("sessions %d and %d, want two", first, second)
	}
	if got := fetch(0, fullFetchEpoch, 40); got.SessionID != 0 || len(got.Partitions) != 40 {
		t.Errorf("a third: session %d with %d partitions, want none with 40", got.SessionID, len(got.Partitions))
	}
	if got := fetch(second, 1, 90); !errors.Is(got.Err, fault.FetchSessionIDNotFound) {
		t.Errorf("one that grows too large: %v", got.Err)
	}
	if got := fetch(first, 1, 45); got.Err != nil {
		t.Errorf("one that has room to grow: %v", got.Err)
	}
	now = now.Add(sessionIdle + time.Second)
	if got := fetch(0, fullFetchEpoch, 90); got.SessionID == 0 || f.fetch.Sessions() != 1 {
		t.Errorf("session %d of %d, want the place of the idle one", got.SessionID, f.fetch.Sessions())
	}
	fetch(0, fullFetchEpoch, 1000) // more partitions than there are
	if fetch(0, fullFetchEpoch, 50).SessionID != 0 {
		t.Error("a session is there though the memory is used up")
	}
	f.fetch.sessions.mu.Lock()
	defer f.fetch.sessions.mu.Unlock()
	if want := wantedCost + 90*(wantedCost+4); f.fetch.sessions.used != want {
		t.Errorf("%d bytes are accounted for, want %d", f.fetch.sessions.used, want)
	}
}

func TestAFetchWithoutRoomToWaitIsAnsweredAtOnce(t *testing.T) {
	f := newFixture(t)
	f.apply(t, metadata.CreateTopic{Name: "many", ID: metadata.TopicID{2}, Partitions: 100, ReplicationFactor: 1})
	f.fetch = NewFetch(f.partitions, f.configs, 10*wantedCost, time.Now)
	synctest.Test(t, func(t *testing.T) {
		fetch := func(n int32) time.Duration {
			req := &FetchRequest{
				FromFollowers: true, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Hour,
				SessionEpoch: finalFetchEpoch,
			}
			for i := range n {
				req.Partitions = append(req.Partitions, FetchPartition{
					FetchTarget:        FetchTarget{Topic: "many", Partition: i},
					CurrentLeaderEpoch: -1, LastFetchedEpoch: -1,
				})
			}
			began := time.Now()
			f.fetch.Fetch(t.Context(), req)
			return time.Since(began)
		}
		if took := fetch(100); took != 0 {
			t.Errorf("a large one waits for %v", took)
		}
		if took := fetch(waitsFree); took != time.Hour {
			t.Errorf("a small one waits for %v, want an hour", took)
		}
		if used := f.fetch.sessions.used; used != 0 {
			t.Errorf("%d bytes are still accounted for", used)
		}
	})
}
