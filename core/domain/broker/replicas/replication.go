package replicas

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/internal/limitedlog"
)

// Replication is the service that keeps this broker's replicas in step with the others: where it follows, it fetches
// from the leaders; where it leads, it has metadata decide who is in sync.
type Replication struct {
	partitions *Partitions
	store      ports.MetadataStore
	peers      ports.ReplicaFetcher
	configs    topicConfigs
	log        *slog.Logger
	noise      *limitedlog.Log   // of what is tried again and again
	throttle   *replicationQuota // of what is fetched

	working sync.WaitGroup // what Run has begun
	woken   chan struct{}  // there is something for Run to begin
	cuts    chan struct{}  // has room for the logs that may be cut together

	mu       sync.Mutex
	wanted   map[*Partition]struct{} // whose ISR should change
	waiting  []*Partition            // those of them that metadata has not been asked about yet
	deciding int                     // how many metadata decides about
	fetchers map[int32]*fetcher      // by leader
	begin    []*fetcher              // that Run is to run
}

const (
	// tickInterval is how often replicas are told that time passes.
	tickInterval = 250 * time.Millisecond
	// proposalsAtOnce is how many changes of ISRs are decided together; they share commits.
	proposalsAtOnce = 64
	// cutsAtOnce is how many logs are cut together. Each reads the segment that it ends in.
	cutsAtOnce = 8
	// noiseOfReplicas is how many lines about replicas that cannot go on may be written per limitedlog.Period.
	noiseOfReplicas = 20
)

// NewReplication returns the replication of partitions, which queue for it from now on. All arguments are required.
func NewReplication(
	partitions *Partitions, store ports.MetadataStore, peers ports.ReplicaFetcher, configs topicConfigs, log *slog.Logger,
) *Replication {
	r := &Replication{
		partitions: partitions, store: store, peers: peers, configs: configs, log: log,
		noise: limitedlog.New(log, noiseOfReplicas), throttle: newReplicationQuota(configs, partitions.clock),
		woken: make(chan struct{}, 1), cuts: make(chan struct{}, cutsAtOnce),
		wanted: make(map[*Partition]struct{}), fetchers: make(map[int32]*fetcher),
	}
	partitions.queue = r
	return r
}

// Run replicates until ctx ends; all its goroutines have ended then.
func (r *Replication) Run(ctx context.Context) error {
	defer r.working.Wait()
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.tick()
			continue
		case <-r.woken:
		}
		changes, fetchers := r.due()
		for _, f := range fetchers {
			r.working.Go(func() { f.run(ctx) })
		}
		for _, p := range changes {
			r.working.Go(func() { r.changeISR(ctx, p) })
		}
	}
}

// tick tells the replicas that time passes, and has those resign whose logs have failed, or cannot take more.
func (r *Replication) tick() {
	for p := range r.partitions.Open() {
		if _, yields := p.yields(); yields || p.offline() {
			r.propose(p)
		}
		p.tick()
	}
	for _, p := range r.partitions.unopened() {
		r.propose(p)
	}
}

// due returns what Run has to begin.
func (r *Replication) due() (changes []*Partition, fetchers []*fetcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.waiting), proposalsAtOnce-r.deciding)
	changes, r.waiting = r.waiting[:n:n], r.waiting[n:]
	r.deciding += n
	fetchers, r.begin = r.begin, nil
	return changes, fetchers
}

func (r *Replication) wake() {
	select {
	case r.woken <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

// beside has a follower's log changed beside what else is under way: one log that takes long must not keep those from
// being replicated that have the same leader. It is called by what Run has begun.
func (r *Replication) beside(ctx context.Context, change func()) {
	r.working.Go(func() {
		select {
		case r.cuts <- struct{}{}:
			defer func() { <-r.cuts }()
		case <-ctx.Done():
			return
		}
		change()
	})
}

// ThrottledRate returns how many bytes per second are fetched for replicas that are throttled.
func (r *Replication) ThrottledRate() int64 { return r.throttle.perSecond() }

// propose implements replicaQueue.
func (r *Replication) propose(p *Partition) {
	r.mu.Lock()
	_, known := r.wanted[p]
	if !known {
		r.wanted[p] = struct{}{}
		r.waiting = append(r.waiting, p)
	}
	r.mu.Unlock()
	if !known {
		r.wake()
	}
}

// fetch implements replicaQueue.
func (r *Replication) fetch(p *Partition) {
	leader, ok := p.follows()
	if !ok {
		return
	}
	r.mu.Lock()
	f := r.fetchers[leader]
	if f == nil {
		f = newFetcher(r, leader)
		r.fetchers[leader] = f
		r.begin = append(r.begin, f)
	}
	r.mu.Unlock()
	f.add(p)
	r.wake()
}

// left implements replicaQueue.
func (r *Replication) left(p *Partition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.fetchers {
		f.remove(p)
	}
}

// changeISR has metadata decide who is in sync with p.
func (r *Replication) changeISR(ctx context.Context, p *Partition) {
	r.decide(ctx, p)
	r.mu.Lock()
	delete(r.wanted, p)
	r.deciding--
	waits := len(r.waiting) > 0
	r.mu.Unlock()
	if waits {
		r.wake()
	}
	r.partitions.refresh(p) // which may want the next change
}

// decide has metadata decide upon what p proposes, if anything. What was refused is not proposed again at once.
func (r *Replication) decide(ctx context.Context, p *Partition) {
	img := r.store.Image()
	at := partitionIn(img, p)
	if at == nil || !p.refusal.over(at.Version, r.partitions.clock()) {
		return
	}
	proposal, ok := p.proposal(func(id int32, epoch int64) bool {
		b, known := img.Broker(id)
		return known && b.Epoch == epoch && b.Active()
	})
	cmd := metadata.AlterPartition{
		TopicID: p.id, Partition: p.index, BrokerID: r.partitions.nodeID, BrokerEpoch: r.partitions.epoch,
		LeaderEpoch: proposal.LeaderEpoch, Version: proposal.Version,
	}
	for _, m := range proposal.ISR {
		cmd.ISR, cmd.ISREpochs = append(cmd.ISR, m.Broker), append(cmd.ISREpochs, m.Epoch)
	}
	epoch, yields := p.yields()
	yields = yields && !ok && epoch == at.LeaderEpoch // else it does not know yet that it leads, or follows
	if !ok && (!p.offline() && !yields || !resign(at, &cmd)) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, brokerconfigs.Millis(r.configs.Int("request.timeout.ms")))
	defer cancel()
	res, err := r.store.Apply(ctx, cmd)
	if err != nil {
		if ok {
			p.proposalFailed(proposal)
		}
		p.refusal = p.refusal.next(at.Version, r.partitions.clock())
		// the former only says that metadata has moved on
		if !errors.Is(err, fault.InvalidUpdateVersion) && !errors.Is(err, context.Canceled) {
			r.noise.Warn(ctx, "in-sync replicas not changed", "topic", p.topic, "partition", p.index, "resigns", cmd.Resigns,
				"err", err)
		}
		return
	}
	if yields && at.Leader == cmd.BrokerID {
		p.hasYielded()
	}
	p.refusal = refusal{}
	r.log.InfoContext(ctx, "in-sync replicas changed", "topic", p.topic, "partition", p.index, "isr", res.Partition.ISR,
		"resigned", cmd.Resigns)
}

// partitionIn returns what an image says of p, nil when there is no such partition.
func partitionIn(img *metadata.Image, p *Partition) *metadata.Partition {
	t, ok := img.TopicByID(p.id)
	if !ok || int(p.index) >= len(t.Partitions) {
		return nil
	}
	return &t.Partitions[p.index]
}

// resign makes cmd the resignation of a broker whose log has failed, or cannot take more, from the in-sync
// replicas, unless it is the last of them. The leader would find out by itself that a follower does not follow, but
// everybody would wait until then.
func resign(at *metadata.Partition, cmd *metadata.AlterPartition) bool {
	for _, id := range at.ISR {
		if id != cmd.BrokerID {
			cmd.ISR = append(cmd.ISR, id)
		}
	}
	cmd.LeaderEpoch, cmd.Version, cmd.Resigns = at.LeaderEpoch, at.Version, true
	return len(cmd.ISR) > 0 && len(cmd.ISR) < len(at.ISR)
}

// refusal is that metadata has refused a proposal, or that its fate is not known. The next is made after a while,
// which grows, or when the partition has changed in the metadata.
type refusal struct {
	version int32 // of the partition in the image that was known
	pause   time.Duration
	until   time.Time
}

// refusalPause is how long the next proposal waits at most. The high watermark of a leader may wait for it.
const refusalPause = 2 * time.Second

// over reports whether the next proposal may be made.
func (r refusal) over(version int32, now time.Time) bool {
	return r.pause == 0 || version != r.version || !now.Before(r.until)
}

// next is another refusal.
func (r refusal) next(version int32, now time.Time) refusal {
	if version != r.version {
		r.pause = 0
	}
	pause := backOff(r.pause, tickInterval, refusalPause)
	return refusal{version: version, pause: pause, until: now.Add(pause)}
}
