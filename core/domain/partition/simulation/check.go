package simulation

import (
	"fmt"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/partition"
)

// entry is a record in the log.
type entry struct {
	id    int64
	epoch int32
}

// checker checks that the cluster keeps the promises of the protocol.
type checker struct {
	w         *world
	committed []entry         // the records that a leader has had below its high watermark, by offset
	where     map[int64]int64 // the offset of each committed record of an idempotent producer
	last      map[int64]int64 // the sequence that each idempotent producer has to commit next
	newest    [keys]int64     // the offset of the newest committed record of each key
	leaders   map[int32]int32 // by epoch, the node that has raised a high watermark as its leader
}

func newChecker(w *world) *checker {
	return &checker{w: w, where: map[int64]int64{}, last: map[int64]int64{}, leaders: map[int32]int32{}}
}

// raised checks a high watermark that has risen, and records what a leader has committed by that.
func (c *checker) raised(n *node, hw int64) {
	c.history(n)
	c.covered(n, hw)
	if c.w.opt.Unclean {
		return
	}
	if n.r.Role() != partition.RoleLeader {
		if hw > int64(len(c.committed)) {
			c.w.fail("follower %d has high watermark %d, committed is %d", n.id, hw, len(c.committed))
			return
		}
		c.verify(n, hw)
		return
	}
	c.leads(n)
	for offset := int64(len(c.committed)); offset < hw; offset++ {
		e, ok := n.disk.at(offset)
		if !ok {
			c.w.fail("leader %d commits offset %d, which it does not have", n.id, offset)
			return
		}
		c.commit(e, offset)
	}
	c.verify(n, hw)
}

// covered checks that the logs of the ISR's members begin no higher than what a leader commits of its own epoch: so
// they have had all of it.
func (c *checker) covered(n *node, hw int64) {
	img, from := c.w.meta.image, n.committed
	n.committed = hw
	_, epoch := n.r.Leader()
	if n.r.Role() != partition.RoleLeader || img.Leader != n.id || img.LeaderEpoch != epoch {
		return
	}
	if all := n.disk.epochs.Entries(); len(all) > 0 && all[len(all)-1].Epoch == epoch {
		from = max(from, all[len(all)-1].Start)
	} else {
		return
	}
	for _, id := range img.ISR {
		if begin := c.w.nodes[id].disk.begin; from < hw && begin > from {
			c.w.fail("leader %d commits offsets %d to %d, the log of %d in the ISR begins at %d", n.id, from, hw, id, begin)
		}
	}
}

// history checks that the replica and the log agree on the epoch of the first and the last batch of each epoch.
func (c *checker) history(n *node) {
	all := n.disk.batches
	for i, b := range all {
		if i > 0 && all[i-1].epoch == b.epoch && i+1 < len(all) && all[i+1].epoch == b.epoch {
			continue
		}
		if at := n.r.EpochAt(b.base); at != b.epoch {
			c.w.fail("the batch at %d in the log of %d is of epoch %d, its replica says %d", b.base, n.id, b.epoch, at)
		}
	}
}

// commit records that a record was committed. It checks that this happens once, and in the order of its producer.
func (c *checker) commit(e entry, offset int64) {
	c.committed = append(c.committed, e)
	c.newest[keyOf(e.id)] = offset
	p := e.id / perProducer
	if c.w.opt.forgetful() || c.w.producers[p-1].acks != -1 {
		return
	}
	if at, ok := c.where[e.id]; ok {
		c.w.fail("record %d is committed at %d and again at %d", e.id, at, offset)
	}
	c.where[e.id] = offset
	if want := c.last[p]; e.id%perProducer != want {
		c.w.fail("record %d of producer %d is committed at %d, %d should come next", e.id%perProducer, p, offset, want)
	}
	c.last[p]++
}

// leads checks that n may act as a leader.
func (c *checker) leads(n *node) {
	_, epoch := n.r.Leader()
	if other, ok := c.leaders[epoch]; ok && other != n.id {
		c.w.fail("both %d and %d lead epoch %d", other, n.id, epoch)
	}
	c.leaders[epoch] = n.id
	if c.w.control.expired[epoch] {
		c.w.fail("%d leads epoch %d, which has ended with its session", n.id, epoch)
	}
}

// verify checks that a log has everything that was committed, up to an offset: each record above the log start, or, in
// a compacted log, a newer one with the same key.
func (c *checker) verify(n *node, upTo int64) {
	n.verified = max(n.verified, n.disk.begin)
	for ; n.verified < upTo; n.verified++ {
		e, ok := n.disk.at(n.verified)
		if !ok && c.w.opt.Compacts && c.newest[keyOf(c.committed[n.verified].id)] > n.verified {
			continue
		}
		if !ok || e != c.committed[n.verified] {
			c.w.fail("%d has %+v (%v) at %d, committed is %+v", n.id, e, ok, n.verified, c.committed[n.verified])
			return
		}
	}
}

// same checks that two logs are equal where both have records.
func (c *checker) same(n, leader *node) {
	for offset := max(n.disk.begin, leader.disk.begin); offset < leader.disk.end(); offset++ {
		mine, ok := n.disk.at(offset)
		theirs, has := leader.disk.at(offset)
		if c.w.opt.Compacts && (!ok || !has) {
			continue
		}
		if !ok || mine != theirs {
			c.w.fail("%d has %+v (%v) at %d, the leader %d has %+v", n.id, mine, ok, offset, leader.id, theirs)
			return
		}
	}
}

// step checks that each member of the committed ISR has everything that was committed, since any of them may be
// elected.
func (c *checker) step() {
	img := c.w.meta.image
	for _, id := range img.ISR {
		n := c.w.nodes[id]
		if n.disk.begin > int64(len(c.committed)) {
			c.w.fail("the log of %d in the ISR begins at %d, committed is %d", id, n.disk.begin, len(c.committed))
			return
		}
		if n.lost || n.verified == int64(len(c.committed)) && n.durable() >= n.verified {
			continue
		}
		if n.durable() < int64(len(c.committed)) {
			c.w.fail("%d is in the ISR, but its log ends at %d, committed is %d", id, n.durable(), len(c.committed))
			return
		}
		c.verify(n, int64(len(c.committed)))
	}
}

// acknowledged checks a batch that is acknowledged to a producer with acks -1.
func (c *checker) acknowledged(n *node, b batch) {
	c.leads(n)
	c.w.out.Acked++
	if c.w.opt.Unclean {
		return
	}
	if b.base < 0 { // a duplicate whose offset is not remembered any more
		b.base = int64(slices.IndexFunc(c.committed, func(r entry) bool { return r.id == b.id }))
		if b.base < 0 {
			c.w.fail("%d acknowledges record %d as a duplicate, which is not committed", n.id, b.id)
			return
		}
	}
	for i := range b.count {
		offset := b.base + i
		if offset >= int64(len(c.committed)) || c.committed[offset].id != b.id+i {
			c.w.fail("%d acknowledges record %d at %d, which is not committed there", n.id, b.id+i, offset)
			return
		}
	}
}

// read checks what a consumer may read.
func (c *checker) read(n *node, end int64) {
	c.leads(n)
	if c.w.opt.Unclean {
		return
	}
	if end > int64(len(c.committed)) {
		c.w.fail("%d shows records up to %d, committed is %d", n.id, end, len(c.committed))
		return
	}
	c.verify(n, end)
}

// unrecovered says what is still wrong long after the last fault, "" if nothing is.
func (c *checker) unrecovered() string {
	img := c.w.meta.image
	switch {
	case img.Leader < 0:
		return "there is no leader"
	case img.Reassigning():
		return fmt.Sprintf("the reassignment of %v is not done: adding %v, removing %v, the ISR is %v", img.Replicas,
			img.Adding, img.Removing, img.ISR)
	case len(img.ISR) != len(img.Replicas):
		return fmt.Sprintf("the ISR is %v of %v", img.ISR, img.Replicas)
	}
	end := c.w.nodes[img.Leader].disk.end()
	for _, p := range c.w.producers {
		if len(p.pending) > 0 && !c.w.opt.forgetful() {
			return fmt.Sprintf("%v waits for %d batches", p, len(p.pending))
		}
	}
	for _, id := range img.Replicas {
		n := c.w.nodes[id]
		switch {
		case n.r == nil:
			return fmt.Sprintf("%d is not registered", id)
		case n.disk.end() != end || n.r.HighWatermark() != end || !c.w.opt.Unclean && int64(len(c.committed)) != end:
			return fmt.Sprintf("%d ends at %d, high watermark %d; the leader %d ends at %d, committed is %d",
				id, n.disk.end(), n.r.HighWatermark(), img.Leader, end, len(c.committed))
		case (id == img.Leader) != (n.r.Role() == partition.RoleLeader):
			return fmt.Sprintf("%d does not know the leader", id)
		}
		if c.w.opt.Unclean {
			c.same(n, c.w.nodes[img.Leader])
			continue
		}
		c.verify(n, end)
	}
	if !slices.Contains(img.ISR, img.Leader) {
		return "the leader is not in sync"
	}
	return ""
}
