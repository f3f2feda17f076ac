package metadata

import (
	"slices"

	"github.com/chronik-stream/chronik/core/domain/configdef"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// noLeader is the leader of a partition without one.
const noLeader = -1

// uncleanElectionConfig is the config that allows the election of a replica that is not in sync.
const uncleanElectionConfig = "unclean.leader.election.enable"

// Reassigning reports whether the partition has an ongoing reassignment (KIP-455).
func (p *Partition) Reassigning() bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// target returns the replicas that the partition will have after its ongoing reassignment.
func (p *Partition) target() []int32 { return without(p.Replicas, p.Removing) }

// election is the way in which a partition's leader is elected. The current leader stays if it may, except where noted.
type election uint8

const (
	electInSync    election = iota // the first replica that is in sync
	electPreferred                 // the same, but the preferred replica, if in sync, replaces the current leader
	electUnclean                   // the first that is in sync, or if there is none, the first live one
)

// transition returns the partition that follows old when its replicas, in-sync replicas and reassignment become those
// of next. It completes a reassignment whose replicas are all in sync, elects a leader if necessary, and raises leader
// epoch and version as Kafka's controller does. changed is false when the partition stays as it is.
func transition(
	old *Partition, next Partition, how election, mayLead func(int32) bool,
) (result Partition, changed bool) {
	next.completeReassignment()
	leader, unclean := next.elect(how, mayLead)
	next.Leader = leader
	switch {
	case unclean:
		next.ISR = []int32{leader}
		next.completeReassignment()
	case len(next.ISR) == 0:
		next.ISR = old.ISR // the last in-sync replica stays in the ISR, since only it has all records
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

// completeReassignment ends the ongoing reassignment if all its target replicas are in sync.
func (p *Partition) completeReassignment() {
	if !p.Reassigning() {
		return
	}
	replicas, isr := p.target(), without(p.ISR, p.Removing)
	if len(replicas) == 0 || len(isr) == 0 || !containsAll(isr, replicas) {
		return
	}
	p.Replicas = replicas
	p.ISR = isr
	p.Adding = nil
	p.Removing = nil
}

// elect returns the partition's next leader. unclean reports that it is not in sync.
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

// active returns a function that reports whether a broker may lead and be in sync.
func (i *Image) active() func(int32) bool {
	ids := make(map[int32]bool)
	for b := range i.Brokers() {
		if b.Active() {
			ids[b.ID] = true
		}
	}
	return func(id int32) bool { return ids[id] }
}

// automatic returns the kind of election for a topic when no operator has asked for one. It follows the topic's own
// unclean.leader.election.enable, then the cluster-wide dynamic config, then the default. A broker's static
// configuration does not count: other nodes do not know it, and all must decide alike.
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

// UncleanElection reports whether the topic allows the election of a replica that is not in sync.
func (i *Image) UncleanElection(t *Topic) bool { return i.automatic(t) == electUnclean }

// handedOver returns a copy of i after broker id has become inactive: the broker leads no partition, and is in sync
// only where it is the last in-sync replica.
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
		return transition(p, next, i.automatic(t), mayLead)
	})
}

// electMissing returns a copy of i in which each partition without leader has one, if a broker may lead it.
func (i *Image) electMissing() *Image {
	mayLead := i.active()
	return i.withPartitions(func(t *Topic, p *Partition) (Partition, bool) {
		if p.Leader != noLeader {
			return Partition{}, false
		}
		return transition(p, *p, i.automatic(t), mayLead)
	})
}

// withPartitions returns a copy of i with every partition replaced for which change returns another one and true. It
// costs one walk over the topics, however many partitions change.
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

// withPartition returns a copy of i in which p replaces the topic's partition of that index.
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

// change returns a copy of i after a transition of one partition.
func (i *Image) change(t *Topic, index int32, next Partition, how election) (img *Image, res Result, changed bool) {
	old := &t.Partitions[index]
	p, changed := transition(old, next, how, i.active())
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
		// Unlike in Kafka the version rises even so. The leader uses that to invalidate an earlier proposal whose
		// outcome it does not know.
		next.Version++
		after, res = img.withPartition(t, cmd.Partition, next), Result{Partition: &next}
	}
	return after, res, nil
}

// checkAlterPartition makes the checks of Kafka's controller, in the same order.
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

// leavesBehind reports whether rest is isr without id, and not empty.
func leavesBehind(isr []int32, id int32, rest []int32) bool {
	return len(rest) > 0 && len(rest) == len(isr)-1 && containsAll(isr, rest) && slices.Contains(isr, id) &&
		!slices.Contains(rest, id)
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
	how := electPreferred
	unavailable := fault.New(fault.PreferredLeaderNotAvailable, "The preferred leader was not available.")
	needed := p.Leader != p.Replicas[0]
	if cmd.Unclean {
		how = electUnclean
		unavailable = fault.New(fault.EligibleLeadersNotAvailable,
			"Eligible topic partition leaders are not available.")
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
