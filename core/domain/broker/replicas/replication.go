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

// Replication keeps this broker's replicas in sync with those of other brokers: it fetches from the leaders of the
// partitions that this broker follows, and proposes ISR changes of those that it leads to the metadata.
type Replication struct {
	partitions *Partitions
	store      ports.MetadataStore
	peers      ports.ReplicaFetcher
	configs    topicConfigs
	log        *slog.Logger
	noise      *limitedlog.Log   // for errors of what is retried
	throttle   *replicationQuota // limits what is fetched for throttled replicas

	working sync.WaitGroup // goroutines that Run has started
	woken   chan struct{}  // there is work for Run
	cuts    chan struct{}  // semaphore of the logs that are changed together

	mu       sync.Mutex
	wanted   map[*Partition]struct{} // whose ISR should change
	waiting  []*Partition            // those of wanted whose proposals have not been started
	deciding int                     // number of proposals in progress
	fetchers map[int32]*fetcher      // by leader
	begin    []*fetcher              // to be started by Run
}

const (
	// tickInterval is the interval at which replicas are told the time.
	tickInterval = 250 * time.Millisecond
	// proposalsAtOnce is how many ISR changes are proposed concurrently; they share commits of the metadata.
	proposalsAtOnce = 64
	// cutsAtOnce is how many logs are truncated concurrently. Each of them reads the segment that it then ends in.
	cutsAtOnce = 8
	// noiseOfReplicas is how many lines about replication errors may be written per limitedlog.Period.
	noiseOfReplicas = 20
)

// NewReplication returns the replication of partitions, which pass their work to it from now on. All arguments are
// required.
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

// Run replicates until ctx ends. It returns when all its goroutines have ended.
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

// tick tells the replicas the time. Replicas whose logs have failed, or whose disk is full, resign.
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

// due returns the work that Run has to start.
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
	default: // a wake-up is pending already
	}
}

// beside changes a follower's log on a goroutine of its own, so that a slow log does not delay the other partitions
// with the same leader. It must be called from a goroutine that Run has started.
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

// ThrottledRate returns how many bytes per second are fetched for throttled replicas.
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

// changeISR makes one proposal for p, and wakes Run for the next one.
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
	r.partitions.refresh(p) // p may then propose the next change
}

// decide submits the ISR change that p proposes, or p's resignation, to the metadata, if there is either. After a
// refusal it waits before it proposes again.
func (r *Replication) decide(ctx context.Context, p *Partition) {
	img := r.store.Image()
	at := partitionIn(img, p)
	if at == nil || !p.refusal.over(at.Version, r.partitions.clock()) {
		return
	}
	// A member must be registered under the epoch of its last fetch: a restarted broker may have lost records (KIP-903).
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
	yields = yields && !ok && epoch == at.LeaderEpoch // in another epoch, p does not know its role yet
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
		// InvalidUpdateVersion only means that the partition has changed meanwhile.
		if !errors.Is(err, fault.InvalidUpdateVersion) && !errors.Is(err, context.Canceled) {
			r.noise.Warn(ctx, "ISR not changed", "topic", p.topic, "partition", p.index, "resigns", cmd.Resigns, "err", err)
		}
		return
	}
	if yields && at.Leader == cmd.BrokerID {
		p.hasYielded()
	}
	p.refusal = refusal{}
	r.logISR(ctx, p, at.ISR, res.Partition.ISR, cmd.Resigns)
}

// logISR logs that a proposal was accepted. The ISR may be the same: a new leader confirms it with its first proposal.
func (r *Replication) logISR(ctx context.Context, p *Partition, before, after []int32, resigned bool) {
	log := r.log.With("topic", p.topic, "partition", p.index, "isr", after, "resigned", resigned)
	switch {
	case len(after) < len(before):
		log.InfoContext(ctx, "ISR shrunk")
	case len(after) > len(before):
		log.InfoContext(ctx, "ISR expanded")
	default:
		log.InfoContext(ctx, "ISR confirmed")
	}
}

// partitionIn returns p in an image, nil when there is no such partition.
func partitionIn(img *metadata.Image, p *Partition) *metadata.Partition {
	t, ok := img.TopicByID(p.id)
	if !ok || int(p.index) >= len(t.Partitions) {
		return nil
	}
	return &t.Partitions[p.index]
}

// resign turns cmd into the broker's resignation from the ISR, because its log has failed or its disk is full. It
// reports false if the broker is the last in-sync replica. A leader would remove a follower that has stopped to fetch,
// too, but only after replica.lag.time.max.ms, for which producers would wait.
func resign(at *metadata.Partition, cmd *metadata.AlterPartition) bool {
	for _, id := range at.ISR {
		if id != cmd.BrokerID {
			cmd.ISR = append(cmd.ISR, id)
		}
	}
	cmd.LeaderEpoch, cmd.Version, cmd.Resigns = at.LeaderEpoch, at.Version, true
	return len(cmd.ISR) > 0 && len(cmd.ISR) < len(at.ISR)
}

// refusal is set when the metadata has refused a proposal, or its outcome is unknown. The next proposal is made after a
// growing pause, or at once when the partition has changed in the metadata.
type refusal struct {
	version int32 // of the partition in the image on which the proposal was based
	pause   time.Duration
	until   time.Time
}

// refusalPause is the longest pause before the next proposal. The high watermark may have to wait for that proposal.
const refusalPause = 2 * time.Second

// over reports whether the next proposal may be made.
func (r refusal) over(version int32, now time.Time) bool {
	return r.pause == 0 || version != r.version || !now.Before(r.until)
}

// next returns the refusal after one more refused proposal.
func (r refusal) next(version int32, now time.Time) refusal {
	if version != r.version {
		r.pause = 0
	}
	pause := backOff(r.pause, tickInterval, refusalPause)
	return refusal{version: version, pause: pause, until: now.Add(pause)}
}
