package differential

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/test/harness"
)

// TestFetchesWaitWhenThoseOfApacheKafkaDo sends fetches without new records to both brokers, with and without a
// session, by names and by ids, and compares which of them are answered at once.
func TestFetchesWaitWhenThoseOfApacheKafkaDo(t *testing.T) {
	chronik, kafka := harness.Start(t, ""), startApacheKafka(t)
	want, got := waitsOf(t, kafka), waitsOf(t, chronik.Addr)
	for name, waits := range want {
		if got[name] != waits {
			t.Errorf("%s: Kafka waits: %v, Chronik: %v", name, waits, got[name])
		}
	}
	for _, name := range []string{"v12 without session: empty and unknown", "v17 in a session: empty and deleted"} {
		if !want[name] {
			t.Errorf("%s: Kafka does not wait, of %d fetches", name, len(want))
		}
	}
}

// waitingFetches are the requested topics: partition 0, or the one after a colon.
var waitingFetches = map[string][]string{
	"nothing":                              {},
	"empty":                                {"waits"},
	"unknown":                              {"nowhere"},
	"deleted":                              {"gone"},
	"unknown partition":                    {"waits:7"},
	"empty and unknown":                    {"waits", "nowhere"},
	"unknown and empty":                    {"nowhere", "waits"},
	"empty and deleted":                    {"waits", "gone"},
	"empty and unknown partition":          {"waits", "waits:7"},
	"unknown and deleted":                  {"nowhere", "gone"},
	"empty and one that is out of range":   {"waits", "ahead"},
	"empty, unknown and one that is ahead": {"waits", "nowhere", "ahead"},
}

// waitsOf returns which fetches wait at a broker, by "version, session: requested topics".
func waitsOf(t *testing.T, addr string) map[string]bool {
	w := newWorld(t, addr)
	for _, s := range slices.Concat(made("waits", 1), made("ahead", 1), made("gone", 1)) {
		s.send(w, s.max)
	}
	deleted := on("delete", 6, 6, deleteTopics("gone"))
	ids := map[string][16]byte{"nowhere": {1}, "waits": w.idOf("waits"), "ahead": w.idOf("ahead"), "gone": w.idOf("gone")}
	deleted.send(w, 6)

	var mu sync.Mutex
	var group sync.WaitGroup
	waits := make(map[string]bool)
	for what, names := range waitingFetches {
		for _, version := range []int16{12, 17} {
			for _, session := range []string{"without session", "in a new session", "in a session"} {
				group.Go(func() {
					f := waitingFetch{addr: addr, version: version, names: names, ids: ids}
					waited, err := f.waits(session)
					if err != nil {
						t.Errorf("v%d %s: %s: %v", version, session, what, err)
					}
					mu.Lock()
					defer mu.Unlock()
					waits[fmt.Sprintf("v%d %s: %s", version, session, what)] = waited
				})
			}
		}
	}
	group.Wait()
	return waits
}

type waitingFetch struct {
	addr    string
	version int16
	names   []string
	ids     map[string][16]byte
}

// waits reports whether the fetch is answered when its time is up, and not before. On a slow machine an answer at once
// may take as long as a short wait: then the wait is made longer.
func (f *waitingFetch) waits(session string) (bool, error) {
	for _, wait := range []time.Duration{200 * time.Millisecond, time.Second, 5 * time.Second} {
		took, err := f.ask(session, wait)
		if err != nil || took < wait {
			return false, err
		}
	}
	return true, nil
}

// ask returns how long a broker takes for a fetch that may wait for that long.
func (f *waitingFetch) ask(session string, wait time.Duration) (time.Duration, error) {
	c := &connection{addr: f.addr, client: "waits"}
	defer c.close()
	r := f.request(wait)
	switch session {
	case "without session":
		r.SessionEpoch = -1
	case "in a session":
		first := f.request(0)
		resp, err := c.fetch(first)
		if err != nil {
			return 0, err
		}
		if r.SessionID, r.SessionEpoch = resp.SessionID, 1; r.SessionID == 0 {
			return 0, errors.New("no session")
		}
		r.Topics = nil
	}
	began := time.Now()
	_, err := c.fetch(r)
	return time.Since(began), err
}

func (c *connection) fetch(r *kmsg.FetchRequest) (*kmsg.FetchResponse, error) {
	if err := c.send(r); err != nil {
		return nil, err
	}
	a := c.receive()
	resp, ok := a.resp.(*kmsg.FetchResponse)
	switch {
	case !ok:
		return nil, fmt.Errorf("no answer: %s %w", a.end, a.err)
	case resp.ErrorCode != 0:
		return nil, fmt.Errorf("error %d", resp.ErrorCode)
	}
	return resp, nil
}

// request begins a session.
func (f *waitingFetch) request(wait time.Duration) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.Version = f.version
	r.ReplicaID = -1
	r.MaxWaitMillis = int32(wait.Milliseconds())
	r.MinBytes = 1
	r.MaxBytes = 1 << 20
	r.SessionEpoch = 0
	for _, name := range f.names {
		p := kmsg.NewFetchRequestTopicPartition()
		p.CurrentLeaderEpoch, p.LastFetchedEpoch, p.PartitionMaxBytes = -1, -1, 1<<20
		switch name {
		case "waits:7":
			name, p.Partition = "waits", 7
		case "ahead":
			p.FetchOffset = 1000
		}
		topic := kmsg.NewFetchRequestTopic()
		topic.Topic, topic.TopicID, topic.Partitions = name, f.ids[name], []kmsg.FetchRequestTopicPartition{p}
		r.Topics = append(r.Topics, topic)
	}
	return r
}
