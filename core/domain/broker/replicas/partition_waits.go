package replicas

import (
	"cmp"
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// allInSync is the value of acks that asks for a record to be durable on every in-sync replica.
const allInSync = -1

// ack is an append that waits for its durability.
type ack struct {
	end   int64         // the offset behind it
	acks  int16         // what the producer asks for
	until time.Duration // when it is given up, as the partition counts time; 0 for never
	done  acknowledger
	slot  int   // what the append was to its request
	err   error // why it has failed, nil while it may succeed; for a duplicate that it is one
}

// reached answers an append that is as durable as it asks for, but for what short says.
func (a ack) reached(short error) {
	if short == nil {
		short = a.err
	}
	a.done.acknowledge(a.slot, short)
}

// ackQueue is acks in the order of their offsets.
type ackQueue []ack

// upTo takes out those that end at end or below.
func (q *ackQueue) upTo(end int64) []ack {
	n := 0
	for n < len(*q) && (*q)[n].end <= end {
		n++
	}
	ready := (*q)[:n:n]
	if *q = (*q)[n:]; len(*q) == 0 {
		*q = nil // or what was taken out would stay in memory until the next append
	}
	return ready
}

// hold has every append fail for the reason given. Its bytes belong to the log until that has made them durable, and
// to whoever sent them from the answer on: so they are answered then. Called under the lock.
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

// written takes out of the appends that are held those whose bytes the log has made durable. Called under the lock.
func (p *Partition) written() []ack {
	if len(p.held) == 0 {
		return nil
	}
	return p.held.upTo(p.log.DurableEnd())
}

// letGo answers the appends that are held: the log does not need their bytes any more. Until it says so they are not
// the producers' again, even when it was deleted or has failed: its journal may be writing them.
func (p *Partition) letGo() {
	p.tail.Lock()
	r := release{held: p.held}
	p.held = nil
	p.tail.Unlock()
	r.tell()
}

// acknowledger is told of an append: first where it was put, then, when it is durable or lost, of its fate.
// Both must return at once.
type acknowledger interface {
	assign(slot int, to placement)
	acknowledge(slot int, err error)
}

// waiter is a fetch that waits for new records in any of its partitions.
type waiter struct {
	wake     chan struct{}
	follower int32 // may have what is durable here, consumers (noFollower) only what is below the high watermark
	anywhere bool  // it may wait at a follower
}

const noFollower = -1

func newWaiter(follower int32, anywhere bool) *waiter {
	return &waiter{make(chan struct{}, 1), follower, anywhere}
}

func (w *waiter) notify() {
	select {
	case w.wake <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

// line is where appends with these acks wait.
func (p *Partition) line(acks int16) *ackQueue {
	if acks == allInSync {
		return &p.acks
	}
	return &p.local
}

// joins puts a, a repetition of a batch, in line behind that, or acknowledges it when the batch is as durable already as
// a asks. Called under the lock.
func (p *Partition) joins(a *ack) {
	reached, short := p.replica.HighWatermark(), error(nil)
	if a.acks == allInSync {
		short = p.replica.Replicated()
	} else {
		reached = p.replica.DurableEnd()
	}
	if a.end <= reached {
		a.reached(short)
		return
	}
	line := p.line(a.acks)
	at := len(*line)
	for at > 0 && (*line)[at-1].end > a.end {
		at--
	}
	*line = slices.Insert(*line, at, *a)
}

// withdraw takes a, the newest, out of line. It reports false when the partition's end has answered it already.
func (p *Partition) withdraw(a *ack) bool {
	p.tail.Lock()
	defer p.tail.Unlock()
	line := p.line(a.acks)
	n := len(*line)
	if n == 0 || (*line)[n-1].done != a.done || (*line)[n-1].slot != a.slot {
		return false
	}
	*line = (*line)[:n-1]
	return true
}

// giveUp answers those appends that have waited for in-sync replicas as long as their producers want to.
// They may become durable yet.
func (p *Partition) giveUp() {
	p.tail.Lock()
	var late []ack
	if len(p.acks) > 0 {
		now, durable := p.now(), p.replica.DurableEnd()
		p.acks = slices.DeleteFunc(p.acks, func(a ack) bool {
			over := a.until > 0 && a.until <= now && a.end <= durable // else the log needs its bytes
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

// release is everybody who is to be answered after a step.
type release struct {
	local, acks []ack
	short       error // of those that every in-sync replica was to have
	held        []ack // that have failed before
	waiters     []*waiter
}

// released takes out of the queues those who are to be answered after a step. It is called under the lock.
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
		p.refuse(fault.NotLeaderOrFollower) // the leader before may have batches that it will not answer
	}
	p.epoch = epoch
	r.waiters = p.wakeable(fx.Raised || elected, grown)
	return r
}

// wakeable takes out those who wait and may have something to be told: all, or followers, because the log has grown.
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
	clear(r.local) // the queues' arrays live on
	clear(r.acks)
	clear(r.held)
	for _, w := range r.waiters {
		w.notify()
	}
}

// subscribe has w notified when there is more to read than up to offset, or the partition ends, and a follower when
// the high watermark has risen since it fetched.
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
