package replicas

import (
	"cmp"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// allInSync is the value of acks with which a record has to be durable on every in-sync replica (acks=all).
const allInSync = -1

// ack is an append that waits until it is durable.
type ack struct {
	end   int64         // the offset after its last record
	acks  int16         // the producer's acks
	until time.Duration // when its producer gets fault.RequestTimedOut, in replica time; 0: never
	done  acknowledger
	slot  int   // index of the append in its request
	err   error // why it has failed, nil while it may succeed; fault.DuplicateSequence for a duplicate
}

// reached answers an append that is as durable as it asks for. short is set when there were too few in-sync replicas.
func (a ack) reached(short error) {
	if short == nil {
		short = a.err
	}
	a.done.acknowledge(a.slot, short)
}

// ackQueue is acks in the order of their offsets.
type ackQueue []ack

// upTo removes and returns the acks whose appends end at end or below.
func (q *ackQueue) upTo(end int64) []ack {
	n := 0
	for n < len(*q) && (*q)[n].end <= end {
		n++
	}
	ready := (*q)[:n:n]
	if *q = (*q)[n:]; len(*q) == 0 {
		*q = nil // otherwise the removed acks would stay in memory until the next append
	}
	return ready
}

// hold marks every waiting append as failed for the given reason. Its bytes belong to the log until they are durable or
// released, and to the request's connection after the answer. So it is answered only then. The caller holds tail.
func (p *Partition) hold(reason error) {
	for _, line := range []*ackQueue{&p.local, &p.acks} {
		for _, a := range *line {
			a.err = reason
			p.held = append(p.held, a)
		}
		*line = nil
	}
	slices.SortStableFunc(p.held, func(a, b ack) int { return cmp.Compare(a.end, b.end) })
}

// written removes and returns the held appends whose bytes are durable. The caller holds tail.
func (p *Partition) written() []ack {
	if len(p.held) == 0 {
		return nil
	}
	return p.held.upTo(p.log.DurableEnd())
}

// releaseHeld answers the held appends, because the log does not need their bytes any more. A log may need them even
// after it has failed or was deleted: its journal may still be writing them.
func (p *Partition) releaseHeld() {
	p.tail.Lock()
	r := release{held: p.held}
	p.held = nil
	p.tail.Unlock()
	r.tell()
}

// acknowledger gets the placement of an append and then, when it is durable or has failed, its result. Both methods
// must return at once.
type acknowledger interface {
	assign(slot int, to placement)
	acknowledge(slot int, err error)
}

// waiter is a fetch that waits for new records in any of its partitions.
type waiter struct {
	wake     chan struct{}
	follower int32 // broker id of the follower, which reads up to the durable end; noFollower for a consumer
	anywhere bool  // a consumer that may read from a follower (KIP-392)
}

const noFollower = -1

func newWaiter(follower int32, anywhere bool) *waiter {
	return &waiter{make(chan struct{}, 1), follower, anywhere}
}

func (w *waiter) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// queueOf returns the queue in which appends with these acks wait.
func (p *Partition) queueOf(acks int16) *ackQueue {
	if acks == allInSync {
		return &p.acks
	}
	return &p.local
}

// joins queues a, the ack of a duplicate, behind that of the batch that was appended before. It answers a at once when
// that batch is already as durable as a asks for. The caller holds tail.
func (p *Partition) joins(a *ack) {
	reached := p.replica.HighWatermark()
	var short error
	if a.acks == allInSync {
		short = p.replica.Replicated()
	} else {
		reached = p.replica.DurableEnd()
	}
	if a.end <= reached {
		a.reached(short)
		return
	}
	line := p.queueOf(a.acks)
	at := len(*line)
	for at > 0 && (*line)[at-1].end > a.end {
		at--
	}
	*line = slices.Insert(*line, at, *a)
}

// withdraw removes a, the newest ack, from its queue. It reports false when the partition has ended and has answered
// it.
func (p *Partition) withdraw(a *ack) bool {
	p.tail.Lock()
	defer p.tail.Unlock()
	line := p.queueOf(a.acks)
	n := len(*line)
	if n == 0 || (*line)[n-1].done != a.done || (*line)[n-1].slot != a.slot {
		return false
	}
	*line = (*line)[:n-1]
	return true
}

// giveUp answers the appends that have waited for in-sync replicas until their time-out. They may still be committed
// later.
func (p *Partition) giveUp() {
	p.tail.Lock()
	var late []ack
	if len(p.acks) > 0 {
		now, durable := p.now(), p.replica.DurableEnd()
		p.acks = slices.DeleteFunc(p.acks, func(a ack) bool {
			over := a.until > 0 && a.until <= now && a.end <= durable // the log needs its bytes until it is durable
			if over {
				a.err = fault.RequestTimedOut
				late = append(late, a)
			}
			return over
		})
	}
	p.tail.Unlock()
	release{held: late}.tell()
}

// release holds the requests to be answered after a step. They are answered without a lock.
type release struct {
	local, acks []ack
	short       error // the result of acks
	held        []ack // have failed
	waiters     []*waiter
}

// released removes from the queues the requests that a step has completed. The caller holds tail.
func (p *Partition) released(fx partition.Effects) (r release) {
	durable := p.replica.DurableEnd()
	grown := durable > p.grown
	p.grown = durable
	if fx.Deposed {
		p.hold(fault.NotLeaderOrFollower)
		r.held, r.waiters = p.written(), p.waiters
		p.waiters = nil
		return r
	}
	r.held = p.written()
	r.local = p.local.upTo(durable)
	if len(p.acks) > 0 {
		r.acks, r.short = p.acks.upTo(p.replica.HighWatermark()), p.replica.Replicated()
	}
	_, epoch := p.replica.Leader()
	elected := epoch != p.epoch // followers have to ask again
	if elected && p.epoch != partition.NoEpoch && p.replica.Role() == partition.RoleLeader {
		p.refuse(fault.NotLeaderOrFollower) // the previous leader may have received batches that it does not answer
	}
	p.epoch = epoch
	r.waiters = p.wakeable(fx.Raised || elected, grown)
	return r
}

// wakeable removes and returns the fetches to be woken: all of them, or those of followers because the log has grown.
func (p *Partition) wakeable(all, grown bool) (wake []*waiter) {
	if len(p.waiters) == 0 || !all && !grown {
		return nil
	}
	p.waiters = slices.DeleteFunc(p.waiters, func(w *waiter) bool {
		due := all || w.follower != noFollower
		if due {
			wake = append(wake, w)
		}
		return due
	})
	return wake
}

func (r release) tell() {
	for _, a := range r.local {
		a.reached(nil)
	}
	for _, a := range r.acks {
		a.reached(r.short)
	}
	for _, a := range r.held {
		a.done.acknowledge(a.slot, a.err)
	}
	clear(r.local) // the slices share their arrays with the queues, which live on
	clear(r.acks)
	clear(r.held)
	for _, w := range r.waiters {
		w.notify()
	}
}

// subscribe notifies w when there are records at or above offset or the partition ends, and a follower also when the
// high watermark has risen since its fetch.
func (p *Partition) subscribe(w *waiter, offset int64) {
	p.tail.Lock()
	defer p.tail.Unlock()
	end, behind, role := p.replica.HighWatermark(), false, p.replica.Role()
	if w.follower != noFollower {
		end, behind = p.replica.DurableEnd(), p.replica.Behind(w.follower)
	}
	if p.gone != nil || end > offset || behind ||
		role != partition.RoleLeader && (role != partition.RoleFollower || !w.anywhere) {
		w.notify()
		return
	}
	p.waiters = append(p.waiters, w)
}

// unsubscribe undoes subscribe.
func (p *Partition) unsubscribe(w *waiter) {
	p.tail.Lock()
	defer p.tail.Unlock()
	if i := slices.Index(p.waiters, w); i >= 0 {
		p.waiters = slices.Delete(p.waiters, i, i+1)
	}
}
