// Package simulation plays a small cluster that replicates one partition: replicas, disks, metadata, network,
// producers and consumers in one goroutine on virtual time, with everything that can go wrong drawn from a seed. The
// replicas are partition.Replica, as the broker runs it, and metadata decides by metadata.Apply. After every step the
// promises of the protocol are checked.
package simulation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// Options says what is played.
type Options struct {
	Seed   uint64
	Nodes  int           // 0: 3 to 5, by the seed
	Chaos  time.Duration // virtual time with faults
	Breaks Rule          // a rule that the drivers break on purpose
	// flush policies other than sync: what is written counts as durable; a loss of power is noticed at once
	Lazy bool
	// old records are deleted; producers' duplicates are not looked for, since their state goes with them
	Deletes  bool
	Compacts bool // records that newer ones replace are removed, and with them what is remembered of producers
	// leaders may come from outside of the ISR: records are lost, but the replicas must become equal again
	Unclean bool
	Trace   int // how many of the last steps to keep
}

// Outcome is what became of a history.
type Outcome struct {
	Violation error // nil when every promise was kept
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
	minInSync   = 2
	replication = 3
	controller  = -1 // its place in the network
	settling    = 20 * time.Second
)

// world is a cluster and those who use it.
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

// Run plays one history and reports what became of it.
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

// play runs the events until the history is over: faults, then peace until all replicas have become equal.
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
			why := w.check.unsettled()
			if why == "" {
				return
			}
			if w.now > w.opt.Chaos+settling {
				w.fail("the cluster does not settle: %s", why)
			}
		}
	}
}

// forgetful reports whether producers may be stuck with reason: what the brokers remembered
// of them was deleted or lost.
func (o Options) forgetful() bool { return o.Deletes || o.Compacts || o.Unclean }

// after has do called when d has passed.
func (w *world) after(d time.Duration, do func()) {
	w.sequence++
	heap.Push(&w.events, event{at: w.now + d, order: w.sequence, do: do})
}

// between draws a duration.
func (w *world) between(low, high time.Duration) time.Duration {
	return low + time.Duration(w.rng.Int64N(int64(high-low)+1))
}

// chance is true in p of 100 cases.
func (w *world) chance(p int) bool { return w.rng.IntN(100) < p }

// trace notes a step.
func (w *world) trace(format string, args ...any) {
	if w.opt.Trace == 0 {
		return
	}
	if len(w.out.Trace) >= 2*w.opt.Trace {
		w.out.Trace = append(w.out.Trace[:0], w.out.Trace[w.opt.Trace:]...)
	}
	w.out.Trace = append(w.out.Trace, fmt.Sprintf("%9.1fms ", float64(w.now)/1e6)+fmt.Sprintf(format, args...))
}

// fail notes the first promise that was broken.
func (w *world) fail(format string, args ...any) {
	if w.out.Violation == nil {
		w.out.Violation = fmt.Errorf("after %v: "+format, append([]any{w.now}, args...)...)
		w.trace("VIOLATION: %v", w.out.Violation)
	}
}

// event is something that happens at a moment.
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
