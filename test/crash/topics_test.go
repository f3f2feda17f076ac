package crash

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/chronik-stream/chronik/test/history"
)

// coming are topics that are created and deleted, each under a load of large records from connections of its own.
type coming struct {
	addr  string
	admin *kadm.Client
	made  int
	live  []*loaded // oldest first
	dead  []string
}

// loaded is a topic under load.
type loaded struct {
	history *history.History
	cancel  context.CancelFunc
	load    sync.WaitGroup
}

const (
	liveTopics       = 2
	topicPartitions  = 2
	topicConnections = 4
	largeRecord      = 30_000
)

func newComing(t *testing.T, addr string) *coming {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(1<<30),
		kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &coming{addr: addr, admin: kadm.NewClient(cl)}
}

// turn creates a topic and, when there are enough, deletes the oldest one. Its producers continue until it is deleted.
func (c *coming) turn(t *testing.T) {
	t.Helper()
	h := history.New(c.addr)
	h.Topic, h.Padding = fmt.Sprintf("coming-%d", c.made), largeRecord
	c.made++
	if _, err := c.admin.CreateTopic(t.Context(), topicPartitions, 1, nil, h.Topic); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := &loaded{history: h, cancel: cancel}
	for id := range topicConnections {
		l.load.Go(func() { h.Produce(ctx, t, id, topicPartitions, 20*time.Millisecond) })
	}
	c.live = append(c.live, l)
	h.AwaitAcks(t, 1)
	if len(c.live) <= liveTopics {
		return
	}
	old := c.live[0]
	c.live = c.live[1:]
	old.history.Gone.Store(true)
	if _, err := c.admin.DeleteTopic(t.Context(), old.history.Topic); err != nil {
		t.Fatal(err)
	}
	old.cancel()
	old.load.Wait()
	c.dead = append(c.dead, old.history.Topic)
}

// stop ends the load.
func (c *coming) stop() {
	for _, l := range c.live {
		l.cancel()
	}
	for _, l := range c.live {
		l.load.Wait()
	}
}

// check checks that the topics that are left have every acknowledged record, and that the deleted ones do not exist.
func (c *coming) check(t *testing.T) {
	t.Helper()
	for _, l := range c.live {
		l.history.Check(t)
	}
	topics, err := c.admin.ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range c.dead {
		if topics.Has(name) {
			t.Errorf("%s is back, which was deleted", name)
		}
	}
}
