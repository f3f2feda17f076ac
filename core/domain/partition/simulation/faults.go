package simulation

import (
	"slices"
	"time"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// startFaults has something go wrong, again and again, until the peace.
func (w *world) startFaults() {
	w.after(w.between(20*time.Millisecond, 160*time.Millisecond), func() {
		if !w.calm {
			w.misfortune()
			w.startFaults()
		}
	})
}

// misfortune causes one random fault.
func (w *world) misfortune() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if img := w.meta.image; img.Leader >= 0 && w.chance(30) {
		n = w.nodes[img.Leader]
	}
	switch p := w.rng.IntN(100); {
	case p < 18:
		w.crash(n, false)
	case p < 32:
		w.crash(n, true)
	case p < 50:
		w.net.isolate(n.id)
		w.trace("%d is cut off", n.id)
	case p < 52:
		w.net.isolate(controller)
		w.trace("metadata is cut off")
	case p < 55:
		w.control.divide()
	case p < 72:
		w.net.heal()
		w.trace("the network heals")
	case p < 80:
		if w.meta.elect() == nil {
			w.control.changed("the preferred leader is elected")
		}
	case p < 88:
		d := w.between(20*time.Millisecond, 600*time.Millisecond)
		w.trace("%d pauses for %v", n.id, d)
		n.pause.begin(w, d, func() {})
	case p < 92:
		w.trace("metadata pauses")
		w.control.stop(w.between(20*time.Millisecond, 500*time.Millisecond))
	case p < 94:
		w.shutDown(n)
	case p < 96:
		if w.meta.reassign(nil) == nil {
			w.control.changed("the reassignment is taken back")
		}
	default:
		w.reassign()
	}
}

// crash ends a node's process, and starts it again some time later.
func (w *world) crash(n *node, power bool) {
	switch {
	case !n.up:
		return
	case power && w.opt.Lazy:
		w.blink(n)
		return
	}
	n.crash(power)
	w.after(w.between(5*time.Millisecond, 600*time.Millisecond), func() {
		if !n.up {
			n.start()
		}
	})
}

// shutDown begins a node's controlled shutdown: it serves until it ends, some time later.
func (w *world) shutDown(n *node) {
	incarnation := n.incarnation
	if _, err := w.meta.apply(metadata.ShutDownBroker{ID: n.id, Epoch: n.brokerEpoch}); err != nil {
		return
	}
	w.control.changed("%d shuts down", n.id)
	w.after(w.between(5*time.Millisecond, 200*time.Millisecond), func() {
		if n.incarnation == incarnation {
			w.crash(n, false)
		}
	})
}

// blink interrupts a node's power and starts it again before its session ends. With a lazy flush policy that is only
// safe if another member of the ISR has everything, and if the node registers again before it counts for the ISR.
func (w *world) blink(n *node) {
	img := w.meta.image
	if img.ISR[0] == n.id && len(img.ISR) == 1 || img.incarnation(n.id) != n.incarnation {
		return
	}
	n.crash(true)
	n.start()
	epoch, err := w.meta.register(n.id, n.incarnation)
	if err != nil {
		w.fail("register %d: %v", n.id, err)
	}
	w.control.grant(n.id)
	w.control.changed("%d registers at once with epoch %d", n.id, epoch)
	n.registered(n.incarnation, epoch, w.meta.image)
}

// startle sometimes interrupts the power of a node that is about to join the ISR.
func (w *world) startle(joining []partition.Member) {
	if !w.opt.Lazy || w.calm || len(joining) == 0 || !w.chance(10) {
		return
	}
	w.after(w.between(0, 5*time.Millisecond), func() {
		if n := w.nodes[joining[0].Broker]; n.up && !w.calm {
			w.blink(n)
		}
	})
}

// reassign moves the partition to other nodes.
func (w *world) reassign() {
	target := make([]int32, 0, replication)
	for _, id := range w.rng.Perm(len(w.nodes))[:replication] {
		target = append(target, int32(id))
	}
	if !slices.Equal(target, w.meta.image.Replicas) && w.meta.reassign(target) == nil {
		w.control.changed("reassignment to %v", target)
	}
}

// peace ends all faults.
func (w *world) peace() {
	w.calm = true
	w.net.heal()
	w.trace("peace")
	for _, n := range w.nodes {
		if !n.up {
			n.start()
		}
	}
}
