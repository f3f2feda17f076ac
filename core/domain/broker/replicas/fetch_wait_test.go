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

func TestAFetchWaitsForWhatExistsAndOnlyForThat(t *testing.T) {
	const full = time.Hour
	for name, c := range map[string]struct {
		topics []string // partition 0 of each
		waits  time.Duration
	}{
		"nothing":                       {nil, 0},
		"an empty one":                  {[]string{"orders"}, full},
		"an unknown one":                {[]string{"nowhere"}, 0},
		"an unknown one after an empty": {[]string{"orders", "nowhere"}, full},
		"an unknown one before":         {[]string{"nowhere", "orders"}, full},
		"two unknown ones":              {[]string{"nowhere", "gone"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			synctest.Test(t, func(t *testing.T) {
				for _, byID := range []bool{false, true} {
					req := ask()
					req.UsesTopicIDs, req.MaxWait = byID, full
					for _, topic := range c.topics {
						target := FetchTarget{Topic: topic}
						if byID {
							target = FetchTarget{TopicID: metadata.TopicID{9}}
							if topic == "orders" {
								target.TopicID = metadata.TopicID{1}
							}
						}
						req.Partitions = append(req.Partitions, FetchPartition{
							FetchTarget: target, MaxBytes: 1, CurrentLeaderEpoch: -1,
							LastFetchedEpoch: -1,
						})
					}
					took := func(req *FetchRequest) (*FetchResponse, time.Duration) {
						began := time.Now()
						resp := f.fetch.Fetch(t.Context(), req)
						return resp, time.Since(began)
					}
					if _, waited := took(req); waited != c.waits {
						t.Errorf("by id %v, without a session: waited %v, want %v", byID, waited, c.waits)
					}
					req.SessionEpoch = fullFetchEpoch
					opened, waited := took(req)
					if waited != c.waits {
						t.Errorf("by id %v, when the session begins: waited %v, want %v", byID, waited, c.waits)
					}
					for epoch := range int32(2) {
						next := *req
						next.Partitions, next.SessionID, next.SessionEpoch = nil, opened.SessionID, epoch+1
						if _, waited := took(&next); waited != c.waits {
							t.Errorf("by id %v, in the session: waited %v, want %v", byID, waited, c.waits)
						}
					}
				}
			})
		})
	}
}

func TestAWaitEndsWhenOneOfItsTopicsIsDeletedAndTheNextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.apply(t, metadata.CreateTopic{Name: "kept", ID: metadata.TopicID{2}, Partitions: 1, ReplicationFactor: 1})
		req := ask(0)
		req.MaxWait, req.SessionEpoch = time.Hour, fullFetchEpoch
		kept := req.Partitions[0]
		kept.Topic = "kept"
		req.Partitions = append(req.Partitions, kept)
		answer := make(chan *FetchResponse, 1)
		go func() { answer <- f.fetch.Fetch(t.Context(), req) }()
		synctest.Wait()
		f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1}})
		following, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = f.partitions.Run(following) }()
		began := time.Now()
		resp := <-answer
		if waited := time.Since(began); waited != 0 || !unknown(resp.Partitions[0].Err) {
			t.Errorf("told %v after %v", resp.Partitions[0].Err, waited)
		}
		next := &FetchRequest{
			FromFollowers: true, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Hour,
			SessionID: resp.SessionID, SessionEpoch: 1,
		}
		resp = f.fetch.Fetch(t.Context(), next)
		if waited := time.Since(began); waited != time.Hour || len(resp.Partitions) != 1 || !unknown(resp.Partitions[0].Err) {
			t.Errorf("the next was answered after %v with %+v", waited, resp.Partitions)
		}
	})
}

func TestRecordsEndAWaitBesideAnUnknownTopic(t *testing.T) {
	f := newFixture(t)
	synctest.Test(t, func(t *testing.T) {
		req := ask(0, 0)
		req.MaxWait, req.Partitions[1].Topic = time.Hour, "nowhere"
		answer := make(chan *FetchResponse, 1)
		go func() { answer <- f.fetch.Fetch(t.Context(), req) }()
		synctest.Wait()
		f.sent(t, newBatch(t, record.Options{}, "a"))
		if resp := <-answer; resp.Partitions[0].Records.Size == 0 || !unknown(resp.Partitions[1].Err) {
			t.Errorf("answered %+v", resp.Partitions)
		}
	})
}

func TestAFollowersFetchIsAnsweredAtOnceForWhatIsNotKnownAndWaitsForNothing(t *testing.T) {
	f := newFixture(t)
	f.apply(t, metadata.RegisterBroker{ID: 2})
	f.apply(t, metadata.CreateTopic{
		Name: "shared", ID: metadata.TopicID{2}, Partitions: -1, ReplicationFactor: -1,
		Assignments: [][]int32{{1, 2}},
	})
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			topics []string
			waits  time.Duration
		}{
			"nothing": {nil, time.Hour}, "an empty one": {[]string{"shared"}, time.Hour},
			"an unknown one beside it": {[]string{"shared", "nowhere"}, 0},
		} {
			req := ask()
			req.MaxWait, req.Follower = time.Hour, &Follower{ID: 2, Epoch: -1}
			for _, topic := range c.topics {
				at := ask(0).Partitions[0]
				at.Topic, at.LogStartOffset = topic, 0
				req.Partitions = append(req.Partitions, at)
			}
			began := time.Now()
			f.fetch.Fetch(t.Context(), req)
			if waited := time.Since(began); waited != c.waits {
				t.Errorf("%s: waited %v, want %v", name, waited, c.waits)
			}
		}
	})
}

// One that breaks the protocol by a second fetch in a session waits for the first, but not when its client is gone.
func TestAFetchThatWaitsForItsSessionEndsWithItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		req := ask(0)
		req.MaxWait, req.SessionEpoch = 24*time.Hour, fullFetchEpoch
		ctx, stop := context.WithCancel(t.Context())
		first := make(chan *FetchResponse, 1)
		go func() { first <- f.fetch.Fetch(ctx, req) }()
		synctest.Wait()
		var id int32
		for id = range f.fetch.sessions.byID {
		}
		client, leave := context.WithCancel(t.Context())
		second := make(chan *FetchResponse, 1)
		go func() { second <- f.fetch.Fetch(client, &FetchRequest{SessionID: id, SessionEpoch: 1}) }()
		synctest.Wait()
		leave()
		began := time.Now()
		if resp := <-second; time.Since(began) != 0 || !errors.Is(resp.Err, fault.InvalidFetchSessionEpoch) {
			t.Errorf("answered with %v after %v", resp.Err, time.Since(began))
		}
		stop()
		<-first
	})
}
