package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Replication is the service that keeps this broker's replicas in step with the others: where it follows, it fetches from the
// leaders; where it leads, it has metadata decide who is in sync.
type Replication struct {
	partitions *Partitions
	store      ports.MetadataStore
	peers      ports.Peers
	configs    topicConfigs
	log        *slog.Logger
	throttle   *replicationQuota // of what is fetched

	woken chan struct{} // there is something for Run to begin

	mu       sync.Mutex
	wanted   map[*Partition]bool // whose ISR should change; false while metadata decides
	fetchers map[int32]*fetcher  // by leader
	begin    []*fetcher          // that Run is to run
}

const (
	// tickInterval is how often replicas are told that time passes.
	tickInterval = 250 * time.Millisecond
	// proposalsAtOnce is how many changes of ISRs are decided together; they share commits.
	proposalsAtOnce = 64
)

// NewReplication returns the replication of partitions, which queue for it from now on. All arguments are required.
func NewReplication(partitions *Partitions, store ports.MetadataStore, peers ports.Peers, configs topicConfigs, log *slog.Logger) *Replication {
	r := &Replication{
		partitions: partitions, store: store, peers: peers, configs: configs, log: log,
		throttle: newReplicationQuota(configs, partitions.clock),
		woken:    make(chan struct{}, 1), wanted: make(map[*Partition]bool), fetchers: make(map[int32]*fetcher),
	}
	partitions.queue = r
	return r
}

// Run replicates until ctx ends; all its goroutines have ended then.
func (r *Replication) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	slots := make(chan struct{}, proposalsAtOnce)
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			for p := range r.partitions.Open() {
				if p.offline() || p.yields() {
					r.propose(p)
				}
				p.tick()
			}
			continue
		case <-r.woken:
		}
		changes, fetchers := r.due()
		for _, f := range fetchers {
			working.Go(func() { f.run(ctx) })
		}
		for _, p := range changes {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			working.Go(func() {
				r.settle(ctx, p)
				<-slots
			})
		}
	}
}

// due returns what Run has to begin.
func (r *Replication) due() (changes []*Partition, fetchers []*fetcher) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, waits := range r.wanted {
		if waits {
			changes = append(changes, p)
			r.wanted[p] = false
		}
	}
	fetchers, r.begin = r.begin, nil
	return changes, fetchers
}

func (r *Replication) wake() {
	select {
	case r.woken <- struct{}{}:
	default: // it has been woken and has not looked yet
	}
}

// ThrottledRate returns how many bytes per second are fetched for replicas that are throttled.
func (r *Replication) ThrottledRate() int64 { return r.throttle.perSecond() }

// propose implements replicaQueue.
func (r *Replication) propose(p *Partition) {
	r.mu.Lock()
	_, known := r.wanted[p]
	if !known {
		r.wanted[p] = true
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

// settle has metadata decide who is in sync with p.
func (r *Replication) settle(ctx context.Context, p *Partition) {
	r.decide(ctx, p)
	r.mu.Lock()
	delete(r.wanted, p)
	r.mu.Unlock()
	r.partitions.refresh(p) // which may want the next change
}

// decide has metadata decide upon what p proposes, if anything.
func (r *Replication) decide(ctx context.Context, p *Partition) {
	img := r.store.Image()
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
	yields := !ok && p.yields()
	if !ok && (!p.offline() && !yields || !resign(img, p, &cmd)) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, millis(r.configs.Int("request.timeout.ms")))
	defer cancel()
	res, err := r.store.Apply(ctx, cmd)
	if err != nil {
		p.proposalFailed(proposal)
		if !errors.Is(err, fault.InvalidUpdateVersion) && ctx.Err() == nil { // which only says that metadata has moved on
			r.log.WarnContext(ctx, "in-sync replicas not changed", "topic", p.topic, "partition", p.index, "err", err)
		}
		return
	}
	if yields {
		p.hasYielded()
	}
	r.log.InfoContext(ctx, "in-sync replicas changed", "topic", p.topic, "partition", p.index, "isr", res.Partition.ISR, "resigned", cmd.Resigns)
}

// resign makes cmd the resignation of a broker whose log has failed, or cannot take more, from the in-sync replicas, unless it is the last of them. The leader
// would find out by itself that a follower does not follow, but everybody would wait until then.
func resign(img *metadata.Image, p *Partition, cmd *metadata.AlterPartition) bool {
	t, ok := img.TopicByID(p.id)
	if !ok || int(p.index) >= len(t.Partitions) {
		return false
	}
	at := &t.Partitions[p.index]
	for _, id := range at.ISR {
		if id != cmd.BrokerID {
			cmd.ISR = append(cmd.ISR, id)
		}
	}
	cmd.LeaderEpoch, cmd.Version, cmd.Resigns = at.LeaderEpoch, at.Version, true
	return len(cmd.ISR) > 0 && len(cmd.ISR) < len(at.ISR)
}
