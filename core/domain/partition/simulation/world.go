// Package simulation plays a small cluster that replicates one partition: replicas, disks, metadata, network, producers
// and consumers in one goroutine on virtual time. All faults are drawn from a seed, so that a history can be repeated.
// The replicas are partition.Replica, as the broker runs it, and the metadata is changed by metadata.Apply. After every
// step the promises of the protocol are checked: no committed record is lost or changed, no two leaders act in the same
// epoch, consumers never see the high watermark fall, and after the last fault all replicas become equal.
//
// Each Rule of the protocol can be broken on purpose. A test makes sure that the checks notice it.
package simulation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// Options describes a history.
type Options struct {
	Seed   uint64
	Nodes  int           // 0: 3 to 5, by the seed
	Chaos  time.Duration // virtual time with faults
	Breaks Rule          // a rule that the drivers break on purpose
	// A flush policy other than sync: written records count as durable, and a broker registers again at once after a loss
	// of power.
	Lazy bool
	// Old records are deleted. Duplicates are not checked, since the producers' state is deleted as well.
	Deletes  bool
	Compacts bool // records are removed that newer ones replace, and the producers' state with them
	// Leaders may come from outside of the ISR. Records are lost, but the replicas must become equal again.
	Unclean bool
	Trace   int // how many of the last steps to keep
}

// Outcome is the result of a history.
type Outcome struct {
	Violation error // the first promise that was broken, nil if all were kept
	Trace     []string
	Steps     int
	Committed int // records
	Acked     int // batches of acks -1
	Elections int
	Cuts      int // logs that were truncated
	Changes   int // of the ISR, by leaders
	Reads     int
}

const (
	maxLag      = 200 * time.Millisecond // replica.lag.time.max.ms
	session     = 300 * time.Millisecond // broker.session.timeout.ms
	heartbeat   = 40 * time.Millisecond
	gapPatience = 4 * time.Second // for how long a new leader expects what the previous one has not answered
	minInSync   = 2
	replication = 3
	controller  = -1 // its place in the network
	recovery    = 20 * time.Second
)

// world is a cluster with its clients.
type world struct {
	opt       Options
	rng       *rand.Rand
	now       time.Duration
	events    events
	sequence  int
	calm      bool // faults are over
	net       network
	meta      *agreed
	control   *control
	nodes     []*node
	producers []*producer
	consumers []*consumer
	check     *checker
	out       Outcome
}

// Run plays one history and returns its outcome.
func Run(opt Options) Outcome {
	w := &world{opt: opt, rng: rand.New(rand.NewPCG(opt.Seed, 1))}
	n := opt.Nodes
	if n == 0 {
		n = 3 + w.rng.IntN(3)
	}
	w.check = newChecker(w)
	w.net = newNetwork(w)
	var err error
	if w.meta, err = newAgreed(n, opt); err != nil {
		w.fail("begin: %v", err)
		return w.out
	}
	w.control = newControl(w, n)
	for id := range int32(n) {
		w.nodes = append(w.nodes, newNode(w, id))
	}
	for _, node := range w.nodes {
		node.start()
	}
	w.control.start()
	w.startClients()
	w.startFaults()
	w.play()
	w.out.Committed, w.out.Elections = len(w.check.committed), int(w.meta.image.LeaderEpoch)
	return w.out
}

// play runs the events until the history is over: first with faults, then without them until all replicas are equal.
func (w *world) play() {
	for w.out.Violation == nil && len(w.events) > 0 {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		w.out.Steps++
		e.do()
		if !w.opt.Unclean {
			w.check.step()
		}
		if !w.calm && w.now >= w.opt.Chaos {
			w.peace()
		}
		if w.calm && w.out.Steps%32 == 0 {
			why := w.check.unrecovered()
			if why == "" {
				return
			}
			if w.now > w.opt.Chaos+recovery {
				w.fail("the cluster does not recover: %s", why)
			}
		}
	}
}

// forgetful reports whether a producer may get stuck for a good reason: its state was deleted or lost.
func (o Options) forgetful() bool { return o.Deletes || o.Compacts || o.Unclean }

// after calls do when d has passed.
func (w *world) after(d time.Duration, do func()) {
	w.sequence++
	heap.Push(&w.events, event{at: w.now + d, order: w.sequence, do: do})
}

// between draws a duration.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

// chance is true with a probability of p percent.
func (w *world) chance(p int) bool { return w.rng.IntN(100) < p }

// trace records a step.
func (w *world) trace(format string, args ...any) {
	if w.opt.Trace == 0 {
		return
	}
	if len(w.out.Trace) >= 2*w.opt.Trace {
		w.out.Trace = append(w.out.Trace[:0], w.out.Trace[w.opt.Trace:]...)
	}
	w.out.Trace = append(w.out.Trace, fmt.Sprintf("%9.1fms ", float64(w.now)/1e6)+fmt.Sprintf(format, args...))
}

// fail records a broken promise, if it is the first one.
func (w *world) fail(format string, args ...any) {
	if w.out.Violation == nil {
		w.out.Violation = fmt.Errorf("after %v: "+format, append([]any{w.now}, args...)...)
		w.trace("VIOLATION: %v", w.out.Violation)
	}
}

// event is something that happens at a certain time.
type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e *events) Push(x any) { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
