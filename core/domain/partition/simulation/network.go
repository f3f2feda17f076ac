package simulation

import (
	"time"
)

// network delivers messages between nodes and the controller: late, twice, out of order, or not at all.
type network struct {
	w                 *world
	cut               map[[2]int32]bool // links that are cut, in one direction each
	apart             map[int32]bool    // places that are cut off from all others, nil for none
	lost, twice, late int               // percentages of the messages
}

// newNetwork draws how unreliable the network of this history is.
func newNetwork(w *world) network {
	n := network{w: w, cut: map[[2]int32]bool{}, lost: w.rng.IntN(6), twice: w.rng.IntN(12), late: w.rng.IntN(12)}
	if w.opt.Breaks == MatchAnswers { // only a rare order of messages shows that it is broken
		n.twice, n.late = 40, 40
	}
	return n
}

// send calls deliver at the receiver, unless the message is lost, and sometimes twice.
func (n *network) send(from, to int32, deliver func()) {
	w := n.w
	if n.severed(from, to) || !w.calm && w.chance(n.lost) {
		return
	}
	copies := 1
	if !w.calm && w.chance(n.twice) {
		copies = 2
	}
	for range copies {
		delay := w.between(200*time.Microsecond, 3*time.Millisecond)
		if !w.calm && w.chance(n.late) {
			delay = w.between(10*time.Millisecond, 250*time.Millisecond)
		}
		w.after(delay, func() { w.at(to, deliver) })
	}
}

// severed reports whether a link is cut. A node that is cut off from the controller is cut off from all seats.
func (n *network) severed(from, to int32) bool {
	if from != client && to != client && n.apart[from] != n.apart[to] {
		return true
	}
	return n.cut[[2]int32{atController(from), atController(to)}]
}

func atController(place int32) int32 {
	if place <= firstSeat {
		return controller
	}
	return place
}

// at calls do on behalf of a node if it is up, at once or at the end of a pause.
func (w *world) at(id int32, do func()) {
	switch id {
	case client:
		do()
		return
	case controller:
		w.control.whenRunning(do)
		return
	}
	if id <= firstSeat {
		w.control.seats[firstSeat-id].pause.run(do)
		return
	}
	w.nodes[id].whenRunning(do)
}

// isolate cuts links at random around one place.
func (n *network) isolate(place int32) {
	for other := int32(controller); other < int32(len(n.w.nodes)); other++ {
		if other == place || n.w.chance(25) {
			continue
		}
		both := !n.w.chance(20)
		if both || n.w.chance(50) {
			n.cut[[2]int32{place, other}] = true
		}
		if both || n.w.chance(50) {
			n.cut[[2]int32{other, place}] = true
		}
	}
}

func (n *network) heal() {
	clear(n.cut)
	n.apart = nil
}
