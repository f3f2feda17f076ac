package simulation

import (
	"fmt"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// client is the place of clients in the network. Their links are never cut.
const client = -2

// perProducer separates the record ids of two producers.
const perProducer = 1_000_000

// producer sends batches. With acks -1 it is idempotent and sends each until it is acknowledged, some at a time.
type producer struct {
	w       *world
	id      int64
	acks    int16
	most    int   // batches without an answer; may be more than the five that brokers remember
	next    int64 // sequence
	pending []*sending
}

// sending is a batch that is not acknowledged yet.
type sending struct {
	b       batch
	attempt int
	done    bool
}

func (w *world) startClients() {
	for i, acks := range []int16{-1, -1, 1, 0} {
		p := &producer{w: w, id: int64(i + 1), acks: acks, most: 3 + 9*(i%2)}
		w.producers = append(w.producers, p)
		p.run()
	}
	for range 2 {
		c := &consumer{w: w, epoch: -1}
		w.consumers = append(w.consumers, c)
		c.run()
	}
}

func (p *producer) run() {
	pace := p.w.between(5*time.Millisecond, 25*time.Millisecond)
	if p.acks != -1 {
		pace *= 4
	}
	p.w.after(pace, func() {
		if p.w.calm {
			return
		}
		if len(p.pending) < p.most {
			s := &sending{b: p.batch()}
			if p.acks == -1 {
				p.pending = append(p.pending, s)
			}
			p.send(s)
		}
		p.run()
	})
}

// batch makes the next batch.
func (p *producer) batch() batch {
	count := 1 + p.w.rng.Int64N(3)
	o := record.Options{}
	if p.acks == -1 {
		o.Producer = &record.Producer{ID: p.id, Sequence: int32(p.next)}
	}
	builder := record.NewBuilder(o)
	for range count {
		builder.Append(0, nil, nil)
	}
	raw, err := builder.Build()
	if err != nil {
		p.w.fail("build a batch: %v", err)
	}
	b := batch{raw: raw, id: p.id*perProducer + p.next, count: count}
	p.next += count
	return b
}

// send sends a batch to the leader as some node knows it.
func (p *producer) send(s *sending) {
	s.attempt++
	attempt := s.attempt
	again := func() {
		if p.acks == -1 && !s.done && s.attempt == attempt && !(p.w.calm && p.w.opt.forgetful()) {
			p.send(s)
		}
	}
	p.w.after(150*time.Millisecond, again)
	img := p.w.someImage()
	if img == nil || img.Leader < 0 {
		return
	}
	p.w.net.send(client, img.Leader, func() {
		n := p.w.nodes[img.Leader]
		n.produce(s.b, p.acks, func(err error) {
			p.w.net.send(n.id, client, func() {
				if err != nil {
					p.w.after(20*time.Millisecond, again)
					return
				}
				s.done = true
				for len(p.pending) > 0 && p.pending[0].done {
					p.pending = p.pending[1:]
				}
			})
		})
	})
}

// someImage returns what some running node knows, nil when it knows nothing.
func (w *world) someImage() *image {
	for range 3 {
		if n := w.nodes[w.rng.IntN(len(w.nodes))]; n.up && n.image != nil {
			return n.image
		}
	}
	return nil
}

// consumer follows the high watermark. Like current clients it remembers the newest leader epoch that it has seen, and
// sends it with its fetches (KIP-320).
type consumer struct {
	w      *world
	epoch  int32
	leader int32
	hw     int64
	turn   int // answers to earlier requests are ignored
}

func (c *consumer) run() {
	c.w.after(c.w.between(5*time.Millisecond, 20*time.Millisecond), func() {
		if img := c.w.someImage(); img != nil && img.LeaderEpoch >= c.epoch && img.Leader >= 0 {
			c.epoch, c.leader = img.LeaderEpoch, img.Leader
		}
		if c.epoch >= 0 {
			c.poll()
		}
		c.run()
	})
}

func (c *consumer) poll() {
	c.turn++
	turn, epoch := c.turn, c.epoch
	n := c.w.nodes[c.leader]
	c.w.net.send(client, n.id, func() {
		end, err := n.read(epoch)
		if err != nil {
			return
		}
		c.w.net.send(n.id, client, func() {
			if turn != c.turn {
				return
			}
			c.turn++ // a second answer to the same request is ignored, too
			c.w.out.Reads++
			if end < c.hw && !c.w.opt.Unclean {
				c.w.fail("a consumer sees the high watermark fall from %d to %d, at %d in epoch %d", c.hw, end, n.id, epoch)
			}
			c.hw = max(c.hw, end)
		})
	})
}

// String names the producer in traces.
func (p *producer) String() string { return fmt.Sprintf("producer %d", p.id) }
