package partition_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
)

// maxLag is replica.lag.time.max.ms.
const maxLag = 200 * time.Millisecond

// broker drives its replica as the real broker does.
type broker struct {
	c           *cluster
	id          int32
	incarnation byte
	epoch       int64 // the broker epoch
	r           *partition.Replica
	log         []rec // by offset; below begin they are deleted
	begin       int
	synced      int     // everything below survives a loss of power
	waiting     []waits // appends that are not acknowledged yet
}

// rec is a record in the log, in a batch of its own.
type rec struct {
	word  string
	epoch int32
}

func (r rec) String() string { return fmt.Sprintf("%s(%d)", r.word, r.epoch) }

// waits is an append whose producer waits until all in-sync replicas have it.
type waits struct {
	word string
	end  int64
}

func (b *broker) end() int64 { return int64(len(b.log)) }

// state returns what the replica needs to know of the log.
func (b *broker) state() partition.LogState {
	var epochs partition.Epochs
	for offset, r := range b.log {
		epochs.Assign(r.epoch, int64(offset))
	}
	return partition.LogState{Start: int64(b.begin), End: b.end(), Durable: int64(b.synced), Epochs: epochs.Entries()}
}

// open creates the replica from what is on disk.
func (b *broker) open() {
	settings := partition.ReplicaSettings{MinInSync: b.c.min, MaxLag: maxLag}
	b.r, b.waiting = partition.NewReplica(b.id, b.epoch, settings, nil, b.state(), 0), nil
}

// learn applies the newest image.
func (b *broker) learn() {
	p := b.c.partition()
	self, _ := b.c.image.Broker(b.id)
	before := b.r.Version()
	fx := b.r.Install(partition.View{
		Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Version: p.Version, Replicas: p.Replicas, ISR: p.ISR,
		BrokerEpoch: self.Epoch,
	}, b.c.now)
	switch leader, epoch := b.r.Leader(); {
	case b.r.Version() == before:
		b.c.say("%d learns nothing new", b.id)
	case b.r.Role() == partition.RoleLeader:
		b.c.say("%d leads epoch %d, ISR %v", b.id, epoch, p.ISR)
	case leader < 0:
		b.c.say("%d follows nobody in epoch %d", b.id, epoch)
	default:
		b.c.say("%d follows %d in epoch %d", b.id, leader, epoch)
	}
	b.do(fx)
}

// do carries out what the replica says.
func (b *broker) do(fx partition.Effects) {
	if fx.Deposed {
		for _, w := range b.waiting {
			b.c.say("%d answers %s: %v", b.id, w.word, fault.NotLeaderOrFollower)
		}
		b.waiting = nil
	}
	if fx.Raised {
		b.c.say("%d raises the high watermark to %d", b.id, fx.HighWatermark)
		b.acknowledge()
	}
	if fx.Propose {
		b.c.say("%d has another ISR to propose", b.id)
	}
	if fx.Truncate || fx.Reset {
		b.cut(fx)
	}
}

// acknowledge answers the producers of what is committed.
func (b *broker) acknowledge() {
	for len(b.waiting) > 0 && b.waiting[0].end <= b.r.HighWatermark() {
		answer := "acknowledged"
		if err := b.r.Replicated(); err != nil {
			answer = fault.KindOf(err).Error()
		}
		b.c.say("%d answers %s: %s", b.id, b.waiting[0].word, answer)
		b.waiting = b.waiting[1:]
	}
}

// cut shortens the log.
func (b *broker) cut(fx partition.Effects) {
	if fx.Reset {
		b.c.say("%d forgets its log, which begins again at %d", b.id, fx.To)
		b.log, b.begin = make([]rec, fx.To), int(fx.To)
	} else {
		b.c.say("%d cuts its log at %d: %s is gone", b.id, fx.To, words(b.log[fx.To:]))
		b.log = b.log[:fx.To]
	}
	b.synced = len(b.log)
	b.do(b.r.Truncated(b.state(), b.c.now))
}

// append orders a record behind the log's end.
func (b *broker) append(r rec) {
	base := b.end()
	b.r.Appended(base, base+1, r.epoch)
	b.log = append(b.log, r)
	b.c.say("%d appends %v at %d", b.id, r, base)
}

// sync has the disk keep what was written.
func (b *broker) sync() {
	b.synced = len(b.log)
	b.c.say("%d has everything below %d on its disk", b.id, b.end())
	b.do(b.r.Durable(b.end(), b.c.now))
}

// fetch asks the leader for records.
func (b *broker) fetch() {
	leader, f, ok := b.r.NextFetch()
	if !ok {
		b.c.say("%d does not fetch: %s", b.id, b.idle())
		return
	}
	position := fmt.Sprintf("offset %d", f.Offset)
	if f.LastEpoch >= 0 {
		position += fmt.Sprintf(", which follows a record of epoch %d", f.LastEpoch)
	}
	l := b.c.brokers[leader-1]
	b.c.say("%d fetches from %d: %s", b.id, leader, position)
	if l.r == nil {
		b.c.say("%d does not answer", leader)
		return
	}
	reply, err := l.r.FollowerFetched(f, b.c.now)
	a := partition.FetchAnswer{To: f, LogStart: int64(l.begin)}
	switch {
	case errors.Is(err, fault.OffsetOutOfRange):
		a.OutOfRange = true
		b.c.say("%d answers: out of range, the log begins at %d", leader, l.begin)
	case err != nil:
		b.c.say("%d answers: %s", leader, fault.KindOf(err))
		return
	}
	var records []rec
	if err == nil {
		l.do(reply.Effects)
		a.HighWatermark = l.r.HighWatermark()
		a.Diverging, a.DivergingEpoch, a.DivergingEnd = reply.Diverging, reply.DivergingEpoch, reply.DivergingEnd
		if reply.Diverging {
			b.c.say("%d answers: the logs diverge, its last epoch up to that is %d, which ended at %d", leader,
				reply.DivergingEpoch, reply.DivergingEnd)
		} else {
			records = l.log[f.Offset:reply.End]
			b.c.say("%d answers: %s, high watermark %d", leader, words(records), a.HighWatermark)
		}
	}
	fx := b.r.FetchAnswered(a, b.c.now)
	if fx.Append {
		for _, r := range records {
			b.append(r)
		}
	}
	b.do(fx)
}

// idle says why the broker fetches nothing.
func (b *broker) idle() string {
	switch leader, _ := b.r.Leader(); {
	case b.r.Role() == partition.RoleLeader:
		return "it leads"
	case leader < 0:
		return "there is no leader"
	default:
		return "what it has fetched is not on its disk yet"
	}
}

// propose asks the metadata for the ISR that the leader wants.
func (b *broker) propose() {
	p, ok := b.r.Propose(b.c.now, b.c.eligible)
	if !ok {
		b.c.say("%d has no other ISR to propose", b.id)
		return
	}
	cmd := metadata.AlterPartition{
		TopicID: b.c.topic, BrokerID: b.id, BrokerEpoch: b.epoch, LeaderEpoch: p.LeaderEpoch, Version: p.Version,
	}
	for _, m := range p.ISR {
		cmd.ISR, cmd.ISREpochs = append(cmd.ISR, m.Broker), append(cmd.ISREpochs, m.Epoch)
	}
	b.c.say("%d proposes ISR %v against leader epoch %d, version %d", b.id, cmd.ISR, p.LeaderEpoch, p.Version)
	if err := b.c.decide(cmd); err != nil {
		b.r.ProposalFailed(p)
	}
}

// crash ends the process.
func (b *broker) crash(power bool) {
	b.r = nil
	if power {
		b.c.say("%d loses power, and what was not synced: %s", b.id, words(b.log[b.synced:]))
		b.log = b.log[:b.synced]
	}
}

// start begins another process: what it finds is synced before it registers, fenced.
func (b *broker) start() {
	b.incarnation++
	b.synced = len(b.log)
	b.epoch = b.c.apply(metadata.RegisterBroker{ID: b.id, Incarnation: [16]byte{b.incarnation}, Fenced: true}).BrokerEpoch
	b.c.say("%d registers with broker epoch %d", b.id, b.epoch)
	b.c.say("%s", b.c.described())
	b.open()
}

// String is the broker's log and how much of it is known to be committed.
func (b *broker) String() string {
	if b.r == nil {
		return fmt.Sprintf("%d is down: %s", b.id, words(b.log[b.begin:]))
	}
	return fmt.Sprintf("%d, high watermark %d: %s", b.id, b.r.HighWatermark(), words(b.log[b.begin:]))
}
