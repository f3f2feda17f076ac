package simulation

import (
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// node is one broker: it drives its replica as the real broker does.
type node struct {
	w      *world
	id     int32
	offset time.Duration // of its monotonic clock
	drift  int64         // how fast that clock gains, in millionths
	pause  pause

	seat  *seat // the leader of the metadata, as far as the node knows
	term  int   // and its term
	heard time.Duration

	disk        *disk // survives a crash
	incarnation int
	image       *image // newest seen; kept through crashes, as a log of metadata is
	verified    int64  // the log was compared with what was committed up to here
	committed   int64  // the last high watermark that was raised

	up          bool
	lost        bool // it has lost records since it was registered
	brokerEpoch int64
	lease       *partition.Lease
	r           *partition.Replica
	acks        []ack
	asked       time.Duration // when the last fetch was sent, 0 when it was answered
	joining     []partition.Member
	cutting     bool
	// Until then an unknown producer's first batches are expected before any others of it: after an election, and here
	// also after a start, as this network does not keep the order of what a producer sends.
	awaits time.Duration
	epoch  int32 // the leader epoch after the last step
}

// ack is a produce request that waits.
type ack struct {
	end  int64
	acks int16
	b    batch
	done func(error)
}

func newNode(w *world, id int32) *node {
	return &node{
		w: w, id: id, disk: newDisk(), seat: w.control.leader,
		offset: w.between(0, time.Hour), drift: w.rng.Int64N(80_000) - 40_000,
	}
}

// clock is the node's own monotonic clock.
func (n *node) clock() time.Duration {
	return n.offset + n.w.now + time.Duration(int64(n.w.now)*n.drift/1_000_000)
}

// start starts the broker. All that it has written is synced before it registers.
func (n *node) start() {
	n.up = true
	n.incarnation++
	n.brokerEpoch = -1
	n.r = nil
	n.acks = nil
	n.asked = 0
	n.joining = nil
	n.cutting = false
	n.disk.synced = n.disk.end()
	n.lease = new(partition.Lease)
	if n.w.opt.Breaks == StopWithoutLease {
		n.lease = nil
	}
	n.w.trace("%d starts, log %d to %d", n.id, n.disk.begin, n.disk.end())
	n.register()
	n.every(heartbeat, heartbeat, n.beat)
	n.every(4*time.Millisecond, 12*time.Millisecond, n.fetch)
	n.every(20*time.Millisecond, 40*time.Millisecond, func() {
		if n.r != nil {
			n.do(n.r.Tick(n.clock()))
		}
	})
	if n.w.opt.Deletes {
		n.every(50*time.Millisecond, 300*time.Millisecond, n.deleteOld)
	}
	if n.w.opt.Compacts {
		n.every(50*time.Millisecond, 300*time.Millisecond, n.compact)
	}
}

// crash ends the process. With power, records that were not synced are lost, or some of them.
func (n *node) crash(power bool) {
	n.up = false
	n.pause.held = nil
	if power {
		from := n.disk.synced
		n.disk.lose(from + n.w.rng.Int64N(n.disk.end()-from+1))
		n.verified = min(n.verified, n.disk.end())
		n.lost = n.lost || n.w.opt.Lazy
	}
	n.w.trace("%d crashes, power %v, log ends at %d", n.id, power, n.disk.end())
}

// whenRunning calls do when the process runs.
func (n *node) whenRunning(do func()) {
	if n.up {
		n.pause.run(do)
	}
}

// later calls do when d has passed, unless the process has ended by then.
func (n *node) later(d time.Duration, do func()) {
	incarnation := n.incarnation
	mine := func() {
		if n.incarnation == incarnation && n.up {
			do()
		}
	}
	n.w.after(d, func() { n.whenRunning(mine) })
}

// every calls do again and again.
func (n *node) every(low, high time.Duration, do func()) {
	n.later(n.w.between(low, high), func() {
		do()
		n.every(low, high, do)
	})
}

func (n *node) register() {
	if n.brokerEpoch >= 0 {
		return
	}
	incarnation := n.incarnation
	n.w.net.send(n.id, controller, func() {
		old := n.w.meta.image.brokers[n.id].Epoch
		if incarnation < n.w.meta.image.incarnation(n.id) {
			return // a second registration would be that of a new process, and the process that registers last stays
		}
		epoch, err := n.w.meta.register(n.id, incarnation)
		if err != nil {
			n.w.fail("register %d: %v", n.id, err)
		}
		if epoch != old {
			n.w.control.grant(n.id)
			n.w.control.changed("%d registers with epoch %d", n.id, epoch)
		}
		img := n.w.meta.image
		n.w.net.send(controller, n.id, func() { n.registered(incarnation, epoch, img) })
	})
	n.later(60*time.Millisecond, n.register)
}

func (n *node) registered(incarnation int, epoch int64, img *image) {
	if incarnation != n.incarnation || n.brokerEpoch >= 0 {
		return
	}
	n.brokerEpoch, n.lost = epoch, false
	n.open()
	n.install(img)
}

// open creates the replica from what is on disk.
func (n *node) open() {
	n.epoch = partition.NoEpoch
	settings := partition.ReplicaSettings{MinInSync: minInSync, MaxLag: maxLag}
	n.r = partition.NewReplica(n.id, n.brokerEpoch, settings, n.lease, n.disk.state(n.durable()), 0)
}

// durable returns the end of what counts as durable.
func (n *node) durable() int64 {
	if n.w.opt.Lazy {
		return n.disk.end()
	}
	return n.disk.synced
}

// install applies an image unless a newer one was applied before.
func (n *node) install(img *image) {
	if n.image == nil || img.index > n.image.index {
		n.image = img
	}
	if n.r == nil || n.image.brokers[n.id].Epoch != n.brokerEpoch {
		return
	}
	if !slices.Contains(n.image.Replicas, n.id) {
		n.remove()
		return
	}
	_, epoch := n.r.Leader()
	n.do(n.r.Install(n.image.view(n.id), n.clock()))
	if _, now := n.r.Leader(); n.w.opt.Breaks == CutByEpochs && now > epoch && n.r.Role() == partition.RoleFollower &&
		!n.cutting {
		n.cutDisk(n.r.HighWatermark())
		n.do(n.r.Truncated(n.disk.state(n.durable()), n.clock()))
	}
}

// remove deletes the replica after the metadata has removed it.
func (n *node) remove() {
	if n.r.Role() == partition.RoleNone && n.disk.end() == 0 {
		return
	}
	n.w.trace("%d deletes its replica", n.id)
	n.do(n.r.Install(n.image.view(n.id), n.clock()))
	n.disk, n.verified, n.cutting = newDisk(), 0, false
	n.open()
}

// beat keeps the broker's session.
func (n *node) beat() {
	if n.brokerEpoch < 0 {
		return
	}
	sent, seen := n.clock(), int64(-1)
	epoch, incarnation := n.brokerEpoch, n.incarnation
	if n.image != nil {
		seen = n.image.index
	}
	to := n.seat
	if n.w.now-n.heard > 3*heartbeat { // there is no answer from that seat
		n.elsewhere(to)
	}
	n.w.net.send(n.id, to.place, func() {
		to.heartbeat(n, epoch, seen, func() {
			n.w.net.send(to.place, n.id, func() {
				if n.incarnation != incarnation {
					return
				}
				n.heard = n.w.now
				if n.lease != nil {
					n.lease.Renew(sent, session*85/100)
				}
			})
		})
	})
	n.w.net.send(n.id, controller, func() { n.tell(incarnation) }) // it gets images wherever its heartbeats go
}

// tell sends the newest image to a node that is behind.
func (n *node) tell(incarnation int) {
	img := n.w.meta.image
	n.w.net.send(controller, n.id, func() {
		if n.incarnation == incarnation {
			n.install(img)
		}
	})
}

// do carries out the replica's effects.
func (n *node) do(fx partition.Effects) {
	if _, epoch := n.r.Leader(); epoch > n.epoch {
		n.epoch = epoch
		if n.r.Role() == partition.RoleLeader {
			n.awaits = n.clock() + gapPatience
		}
	}
	if fx.Deposed {
		failed := n.acks
		n.acks = nil
		for _, a := range failed {
			a.done(fault.NotLeaderOrFollower)
		}
	}
	if fx.Raised {
		n.w.check.raised(n, fx.HighWatermark)
		n.acknowledge()
	}
	if fx.Propose {
		n.propose()
	}
	if fx.Truncate || fx.Reset {
		n.cut(fx)
	}
	if fx.RaiseStart > 0 {
		n.raiseStart(fx.RaiseStart)
	}
}

// acknowledge answers the appends that are as durable as their producers ask for.
func (n *node) acknowledge() {
	waiting := n.acks[:0:0]
	for _, a := range n.acks {
		reached := n.r.HighWatermark()
		if a.acks == 1 || n.w.opt.Breaks == AckReplicated {
			reached = n.durable()
		}
		if a.end > reached {
			waiting = append(waiting, a)
			continue
		}
		var err error
		if a.acks == -1 {
			if err = n.r.Replicated(); err == nil {
				n.w.check.acknowledged(n, a.b)
			}
		}
		a.done(err)
	}
	n.acks = waiting
}

// propose sends the replica's proposal to the metadata.
func (n *node) propose() {
	eligible := n.image.eligible
	if n.w.opt.Breaks == JoinUnderOwnEpoch {
		eligible = func(int32, int64) bool { return true }
	}
	r, view := n.r, n.image.view(n.id)
	p, ok := r.Propose(n.clock(), eligible)
	if !ok {
		return
	}
	n.joining = nil
	for _, m := range p.ISR {
		if !slices.Contains(view.ISR, m.Broker) {
			n.joining = append(n.joining, m)
		}
	}
	n.w.trace("%d proposes %+v", n.id, p)
	n.w.startle(n.joining)
	switch {
	case n.w.opt.Breaks == ShrinkWhenCommitted && len(p.ISR) < len(view.ISR):
		view.ISR, view.Version = nil, p.Version+1
		for _, m := range p.ISR {
			view.ISR = append(view.ISR, m.Broker)
		}
		defer func() { n.do(r.Install(view, n.clock())) }()
	case n.w.opt.Breaks == JoinWhenCaughtUp:
		p.ISR = nil
		for _, id := range view.Replicas {
			if b := n.image.brokers[id]; !b.Fenced {
				p.ISR = append(p.ISR, partition.Member{Broker: id, Epoch: b.Epoch})
			}
		}
	}
	epoch := n.brokerEpoch
	n.w.net.send(n.id, controller, func() {
		err := n.w.meta.alter(n.id, epoch, p)
		if err == nil {
			n.w.out.Changes++
			n.w.control.changed("%d alters", n.id)
		}
		img := n.w.meta.image
		n.w.net.send(controller, n.id, func() {
			if n.r != r {
				return
			}
			if err != nil {
				r.ProposalFailed(p)
			}
			n.install(img)
		})
	})
	n.later(100*time.Millisecond, func() {
		if n.r == r {
			r.ProposalFailed(p)
		}
	})
}
