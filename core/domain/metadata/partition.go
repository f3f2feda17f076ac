package metadata

import (
	"slices"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// noLeader stands for the leader where there is none.
const noLeader = -1

// uncleanElectionConfig is the config that allows a replica to be elected that is not in sync.
const uncleanElectionConfig = "unclean.leader.election.enable"

// Reassigning reports whether a reassignment of the partition is under way (KIP-455).
func (p *Partition) Reassigning() bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// target returns the replicas that the partition will have after the reassignment under way.
func (p *Partition) target() []int32 { return without(p.Replicas, p.Removing) }

// election says who may lead a partition whose leader may do so no more.
type election uint8

const (
	electInSync    election = iota // the first of the replicas that is in sync
	electPreferred                 // the same, but the first replica of all comes before the present leader
	electUnclean                   // the first that is in sync, and if there is none, the first that lives
)

// settled returns what becomes of a partition when its replicas, in-sync replicas and reassignment become those of next: a
// reassignment whose replicas are all in sync is completed, a leader is elected if there is need, and the epochs rise as
// Kafka's controller raises them. changed is false when all stays as it is.
func settled(old *Partition, next Partition, how election, mayLead func(int32) bool) (result Partition, changed bool) {
	next.completeReassignment()
	leader, unclean := next.elect(how, mayLead)
	next.Leader = leader
	switch {
	case unclean:
		next.ISR = []int32{leader}
		next.completeReassignment()
	case len(next.ISR) == 0:
		next.ISR = old.ISR // who was in sync last is remembered: nobody else has everything
	}
	newLeader := leader != old.Leader || !containsAll(next.Replicas, old.Replicas)
	if !newLeader && slices.Equal(next.Replicas, old.Replicas) && slices.Equal(next.ISR, old.ISR) &&
		slices.Equal(next.Adding, old.Adding) && slices.Equal(next.Removing, old.Removing) {
		return *old, false
	}
	if newLeader {
		next.LeaderEpoch++
	}
	next.Version++
	return next, true
}

// completeReassignment ends the reassignment under way if all replicas that are to stay are in sync.
func (p *Partition) completeReassignment() {
	if !p.Reassigning() {
		return
	}
	replicas, isr := p.target(), without(p.ISR, p.Removing)
	if len(replicas) == 0 || len(isr) == 0 || !containsAll(isr, replicas) {
		return
	}
	p.Replicas, p.ISR, p.Adding, p.Removing = replicas, isr, nil, nil
}

// elect returns who leads from now on. unclean says that the elected is not in sync.
func (p *Partition) elect(how election, mayLead func(int32) bool) (leader int32, unclean bool) {
	valid := func(id int32) bool { return slices.Contains(p.ISR, id) && mayLead(id) }
	if how == electPreferred && valid(p.Replicas[0]) {
		return p.Replicas[0], false
	}
	if valid(p.Leader) {
		return p.Leader, false
	}
	if n := slices.IndexFunc(p.Replicas, valid); n >= 0 {
		return p.Replicas[n], false
	}
	if n := slices.IndexFunc(p.Replicas, mayLead); n >= 0 && how == electUnclean {
		return p.Replicas[n], true
	}
	return noLeader, false
}

// without returns those of ids that are not among gone, in their order; nil for none.
func without(ids, gone []int32) []int32 {
	var rest []int32
	for _, id := range ids {
		if !slices.Contains(gone, id) {
			rest = append(rest, id)
		}
	}
	return rest
}

func containsAll(ids, wanted []int32) bool {
	for _, id := range wanted {
		if !slices.Contains(ids, id) {
			return false
		}
	}
	return true
}

// active returns who may lead and be in sync.
func (i *Image) active() func(int32) bool {
	ids := make(map[int32]bool)
	for b := range i.Brokers() {
		if b.Active() {
			ids[b.ID] = true
		}
	}
	return func(id int32) bool { return ids[id] }
}

// automatic returns the election for the topic when nobody has ordered one. What counts is the topic's own
// unclean.leader.election.enable, then the one that is set for all brokers while they run, then the default: what a
// single broker was started with is not known to the others, who must decide alike.
func (i *Image) automatic(t *Topic) election {
	text, ok := t.Configs[uncleanElectionConfig]
	if !ok {
		text, ok = i.Configs(ResourceBroker, "")[uncleanElectionConfig]
	}
	if !ok {
		return electInSync
	}
	key, _ := configdef.Topic.Key(uncleanElectionConfig)
	if enabled, err := key.Parse(text); err == nil && enabled == true {
		return electUnclean
	}
	return electInSync
}

// UncleanElection reports whether unclean.leader.election.enable lets a replica of the topic lead that is not in sync.
func (i *Image) UncleanElection(t *Topic) bool { return i.automatic(t) == electUnclean }

// handedOver returns a copy of i in which broker id, which is not active any more, is in sync nowhere but where it is the last,
// and leads nothing.
func (i *Image) handedOver(id int32) *Image {
	mayLead, shared := i.active(), replicaSets{}
	return i.withPartitions(func(t *Topic, p *Partition) (Partition, bool) {
		if !slices.Contains(p.ISR, id) {
			return Partition{}, false
		}
		var buf [16]int32
		rest := buf[:0]
		for _, r := range p.ISR {
			if r != id {
				rest = append(rest, r)
			}
		}
		next := *p
		next.ISR = shared.of(rest)
		return settled(p, next, i.automatic(t), mayLead)
	})
}

// leaderless returns a copy of i in which the partitions without leader have one if somebody may lead them.
func (i *Image) leaderless() *Image {
	mayLead := i.active()
	return i.withPartitions(func(t *Topic, p *Partition) (Partition, bool) {
		if p.Leader != noLeader {
			return Partition{}, false
		}
		return settled(p, *p, i.automatic(t), mayLead)
	})
}

// withPartitions returns a copy of i in which change was asked about every partition: what it returns with true takes the
// partition's place. It costs one walk over the topics, however many change.
func (i *Image) withPartitions(change func(*Topic, *Partition) (Partition, bool)) *Image {
	next := *i
	var changed []*Topic
	next.topics = i.topics.mapped(func(t *Topic) (*Topic, bool) {
		var own []Partition
		for n := range t.Partitions {
			p, other := change(t, &t.Partitions[n])
			if !other {
				continue
			}
			if own == nil {
				own = slices.Clone(t.Partitions)
			}
			own[n] = p
		}
		if own == nil {
			return nil, false
		}
		fresh := *t
		fresh.Partitions = own
		changed = append(changed, &fresh)
		return &fresh, true
	})
	next.changed = changed
	return &next
}

// withPartition returns a copy of i in which p stands in place of a topic's partition.
func (i *Image) withPartition(t *Topic, index int32, p Partition) *Image {
	fresh := *t
	fresh.Partitions = slices.Clone(t.Partitions)
	fresh.Partitions[index] = p
	return i.withTopic(&fresh)
}

// partitionOf returns a topic's partition.
func (i *Image) partitionOf(id TopicID, index int32) (*Topic, *Partition, error) {
	t, ok := i.TopicByID(id)
	if !ok {
		return nil, nil, fault.New(fault.UnknownTopicOrPartition, "No such topic id as %v", id)
	}
	if index < 0 || int(index) >= len(t.Partitions) {
		return nil, nil, fault.New(fault.UnknownTopicOrPartition, "No such partition as %s-%d", t.Name, index)
	}
	return t, &t.Partitions[index], nil
}

// change returns a copy of i in which the partition has become what settled says.
func (i *Image) change(t *Topic, index int32, next Partition, how election) (img *Image, res Result, changed bool) {
	old := &t.Partitions[index]
	p, changed := settled(old, next, how, i.active())
	if !changed {
		return i, Result{Partition: old}, false
	}
	return i.withPartition(t, index, p), Result{Partition: &p}, true
}

func alterPartition(img *Image, cmd AlterPartition) (*Image, Result, error) {
	if _, err := img.registered(cmd.BrokerID, cmd.BrokerEpoch); err != nil {
		return nil, Result{}, err
	}
	t, ok := img.TopicByID(cmd.TopicID)
	if !ok {
		return nil, Result{}, fault.UnknownTopicID
	}
	_, p, err := img.partitionOf(cmd.TopicID, cmd.Partition)
	if err != nil {
		return nil, Result{}, err
	}
	if err := checkAlterPartition(img, t, p, cmd); err != nil {
		return nil, Result{}, err
	}
	next := *p
	next.ISR = slices.Clone(cmd.ISR)
	after, res, changed := img.change(t, cmd.Partition, next, img.automatic(t))
	if !changed {
		// Unlike in Kafka the version rises all the same: the leader outbids an earlier proposal so, whose fate it does not know.
		next.Version++
		after, res = img.withPartition(t, cmd.Partition, next), Result{Partition: &next}
	}
	return after, res, nil
}

// checkAlterPartition refuses what Kafka's controller refuses, in its order.
func checkAlterPartition(img *Image, t *Topic, p *Partition, cmd AlterPartition) error {
	refuse := func(k fault.Kind, format string, args ...any) error {
		return fault.New(k, "in-sync replicas of %s-%d: "+format, append([]any{t.Name, cmd.Partition}, args...)...)
	}
	switch {
	case cmd.LeaderEpoch > p.LeaderEpoch:
		return refuse(fault.NotController, "leader epoch %d is ahead of %d", cmd.LeaderEpoch, p.LeaderEpoch)
	case cmd.Version > p.Version:
		return refuse(fault.NotController, "partition epoch %d is ahead of %d", cmd.Version, p.Version)
	case cmd.LeaderEpoch < p.LeaderEpoch:
		return refuse(fault.FencedLeaderEpoch, "leader epoch %d, now it is %d", cmd.LeaderEpoch, p.LeaderEpoch)
	case cmd.BrokerID != p.Leader && !cmd.Resigns:
		return refuse(fault.InvalidRequest, "broker %d does not lead, %d does", cmd.BrokerID, p.Leader)
	case cmd.Version < p.Version:
		return refuse(fault.InvalidUpdateVersion, "partition epoch %d, now it is %d", cmd.Version, p.Version)
	case len(cmd.ISREpochs) > 0 && len(cmd.ISREpochs) != len(cmd.ISR):
		return refuse(fault.InvalidRequest, "%d broker epochs for %d replicas", len(cmd.ISREpochs), len(cmd.ISR))
	case !containsAll(p.Replicas, cmd.ISR) || !distinct(cmd.ISR):
		return refuse(fault.InvalidRequest, "%v are not among the replicas %v", cmd.ISR, p.Replicas)
	case cmd.Resigns && !leavesBehind(p.ISR, cmd.BrokerID, cmd.ISR):
		return refuse(fault.InvalidRequest, "%v are none that %d leaves behind", cmd.ISR, cmd.BrokerID)
	case !cmd.Resigns && !slices.Contains(cmd.ISR, p.Leader):
		return refuse(fault.InvalidRequest, "%v are without the leader, %d", cmd.ISR, p.Leader)
	}
	for n, id := range cmd.ISR {
		switch b, ok := img.Broker(id); {
		case !ok:
			return refuse(fault.IneligibleReplica, "broker %d is not registered", id)
		case b.ShuttingDown:
			return refuse(fault.IneligibleReplica, "broker %d is shutting down", id)
		case b.Fenced:
			return refuse(fault.IneligibleReplica, "broker %d is fenced", id)
		case len(cmd.ISREpochs) > 0 && cmd.ISREpochs[n] != -1 && cmd.ISREpochs[n] != b.Epoch:
			return refuse(fault.IneligibleReplica, "broker %d has epoch %d, not %d", id, b.Epoch, cmd.ISREpochs[n])
		}
	}
	return nil
}

// leavesBehind reports whether rest, which are some, is isr without id, which is in it.
func leavesBehind(isr []int32, id int32, rest []int32) bool {
	return len(rest) > 0 && len(rest) == len(isr)-1 && containsAll(isr, rest) && slices.Contains(isr, id) && !slices.Contains(rest, id)
}

func distinct(ids []int32) bool {
	for n, id := range ids {
		if slices.Contains(ids[:n], id) {
			return false
		}
	}
	return true
}

func electLeader(img *Image, cmd ElectLeader) (*Image, Result, error) {
	t, p, err := img.partitionOf(cmd.TopicID, cmd.Partition)
	if err != nil {
		return nil, Result{}, err
	}
	how, unavailable := electPreferred, fault.New(fault.PreferredLeaderNotAvailable, "The preferred leader was not available.")
	needed := p.Leader != p.Replicas[0]
	if cmd.Unclean {
		how, unavailable = electUnclean, fault.New(fault.EligibleLeadersNotAvailable, "Eligible topic partition leaders are not available.")
		needed = p.Leader == noLeader
	}
	if !needed {
		return nil, Result{}, fault.New(fault.ElectionNotNeeded, "Leader election not needed for topic partition.")
	}
	img, res, changed := img.change(t, cmd.Partition, *p, how)
	if !changed {
		return nil, Result{}, unavailable
	}
	return img, res, nil
}
