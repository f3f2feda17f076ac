package metadata

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// maxNewPartitions bounds what one command may add, as Kafka bounds a request (MAX_RECORDS_PER_USER_OP).
const maxNewPartitions = 10_000

// newTopicPartitions returns the partitions of the topic that cmd creates.
func newTopicPartitions(img *Image, cmd CreateTopic) ([]Partition, error) {
	switch {
	case len(cmd.Assignments) > 0 && cmd.ReplicationFactor != -1:
		return nil, fault.New(fault.InvalidRequest,
			"A manual partition assignment was specified, but replication factor was not set to -1.")
	case len(cmd.Assignments) > 0 && cmd.Partitions != -1:
		return nil, fault.New(fault.InvalidRequest,
			"A manual partition assignment was specified, but numPartitions was not set to -1.")
	case len(cmd.Assignments) > 0:
		return assigned(img, cmd.Assignments, 0, len(cmd.Assignments[0]))
	case cmd.ReplicationFactor < 1:
		return nil, fault.New(fault.InvalidReplicationFactor,
			"Replication factor must be larger than 0, or -1 to use the default value.")
	case cmd.Partitions < 1:
		return nil, fault.New(fault.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	default:
		return placed(img, nil, int(cmd.Partitions), int(cmd.ReplicationFactor))
	}
}

// addedPartitions returns the partitions that cmd adds to t.
func addedPartitions(img *Image, t *Topic, cmd CreatePartitions) ([]Partition, error) {
	have, want := len(t.Partitions), int(cmd.Count)
	switch {
	case want == have:
		return nil, fault.New(fault.InvalidPartitions, "Topic already has %d partition(s).", have)
	case want < have:
		return nil, fault.New(fault.InvalidPartitions,
			"The topic %s currently has %d partition(s); %d would not be an increase.", t.Name, have, want)
	case cmd.Assignments != nil && len(cmd.Assignments) != want-have:
		return nil, fault.New(fault.InvalidReplicaAssignment,
			"Attempted to add %d additional partition(s), but only %d assignment(s) were specified.",
			want-have, len(cmd.Assignments))
	}
	replicationFactor := len(t.Partitions[0].target())
	if cmd.Assignments != nil {
		return assigned(img, cmd.Assignments, have, replicationFactor)
	}
	return placed(img, t, want-have, replicationFactor)
}

// assigned returns partitions first, first+1 … with the replicas that a client has chosen for them.
func assigned(img *Image, assignments [][]int32, first, replicationFactor int) ([]Partition, error) {
	if err := checkNewPartitions(len(assignments)); err != nil {
		return nil, err
	}
	partitions, shared := make([]Partition, len(assignments)), replicaSets{}
	for n, replicas := range assignments {
		if err := checkAssignment(img, replicas, replicationFactor); err != nil {
			return nil, err
		}
		p, ok := newPartition(img, replicas, shared)
		if !ok {
			return nil, fault.New(fault.InvalidReplicaAssignment, "All brokers specified in the manual partition "+
				"assignment for partition %d are fenced or in controlled shutdown.", first+n)
		}
		partitions[n] = p
	}
	return partitions, nil
}

func checkAssignment(img *Image, replicas []int32, replicationFactor int) error {
	if err := checkReplicas(img, replicas); err != nil {
		return err
	}
	if len(replicas) != replicationFactor {
		return fault.New(fault.InvalidReplicaAssignment, "The manual partition assignment includes a partition with "+
			"%d replica(s), but this is not consistent with previous partitions, which have %d replica(s).",
			len(replicas), replicationFactor)
	}
	return nil
}

// checkReplicas checks a list of replicas from a client's assignment, with Kafka's messages.
func checkReplicas(img *Image, replicas []int32) error {
	if len(replicas) == 0 {
		return fault.New(fault.InvalidReplicaAssignment,
			"The manual partition assignment includes an empty replica list.")
	}
	sorted := slices.Sorted(slices.Values(replicas))
	for n, id := range sorted {
		if _, ok := img.Broker(id); !ok {
			return fault.New(fault.InvalidReplicaAssignment,
				"The manual partition assignment includes broker %d, but no such broker is registered.", id)
		}
		if n > 0 && sorted[n-1] == id {
			return fault.New(fault.InvalidReplicaAssignment,
				"The manual partition assignment includes the broker %d more than once.", id)
		}
	}
	return nil
}

// placed returns count new partitions for t, nil for a new topic. Together with those that t has, their replicas are
// spread over racks and brokers.
func placed(img *Image, t *Topic, count, replicationFactor int) ([]Partition, error) {
	if err := checkNewPartitions(count); err != nil {
		return nil, err
	}
	live, fenced := img.usable()
	switch registered := len(live) + len(fenced); {
	case len(live) == 0:
		return nil, fault.New(fault.InvalidReplicationFactor,
			"Unable to replicate the partition %d time(s): All brokers are currently fenced.", replicationFactor)
	case replicationFactor > registered:
		return nil, fault.New(fault.InvalidReplicationFactor, "Unable to replicate the partition %d time(s): The "+
			"target replication factor of %d cannot be reached because only %d broker(s) are registered or some "+
			"brokers have all their log directories cordoned.",
			replicationFactor, replicationFactor, registered)
	}
	partitions, shared := make([]Partition, count), replicaSets{}
	place := placer{
		live: live, fenced: fenced, leads: make(map[int32]int), holds: make(map[int32]int),
		heirs: make(map[[2]int32]int),
	}
	if t != nil {
		for n := range t.Partitions {
			place.count(t.Partitions[n].target())
		}
	}
	for n := range partitions {
		// its first replica lives
		partitions[n], _ = newPartition(img, place.replicas(img.partitions+n, replicationFactor), shared)
	}
	return partitions, nil
}

// usable returns the brokers that partitions may be placed on: the active ones, and the fenced ones.
func (i *Image) usable() (live, fenced []*Broker) {
	for b := range i.Brokers() {
		switch {
		case b.ShuttingDown:
		case b.Fenced:
			fenced = append(fenced, b)
		default:
			live = append(live, b)
		}
	}
	return alternating(live), fenced
}

// alternating orders brokers so that racks take turns.
func alternating(brokers []*Broker) []*Broker {
	turn, turns := make(map[*Broker]int, len(brokers)), make(map[string]int)
	for _, b := range brokers {
		turn[b] = turns[b.Rack]
		turns[b.Rack]++
	}
	slices.SortStableFunc(brokers, func(a, b *Broker) int {
		return cmp.Or(cmp.Compare(turn[a], turn[b]), cmp.Compare(a.Rack, b.Rack))
	})
	return brokers
}

// placer places the partitions of one topic, one after the other.
type placer struct {
	live, fenced []*Broker
	// leads and holds count, by broker, the topic's partitions that prefer the broker as leader, and its replicas.
	leads, holds map[int32]int
	heirs        map[[2]int32]int // partitions, by their first two replicas: the second leads when the first dies
}

func (p *placer) count(replicas []int32) {
	p.leads[replicas[0]]++
	for _, id := range replicas {
		p.holds[id]++
	}
	if len(replicas) > 1 {
		p.heirs[[2]int32(replicas[:2])]++
	}
}

// replicas returns the replicas of the turn-th partition of the cluster. The replicas of a partition are in as many
// racks as possible. As far as that allows, each topic's leaderships and replicas are spread evenly over the brokers,
// and so is the load that other brokers take over when one dies. Ties are broken in turns: first replicas go round the
// brokers, so that topics of one partition are spread as well, and the others follow at a distance that grows with each
// round. Fenced brokers are used only when there are too few active ones.
func (p *placer) replicas(turn, replicationFactor int) []int32 {
	live := len(p.live)
	first := turn % live
	for n := range live {
		if b := (turn + n) % live; p.leadsBefore(p.live[b], p.live[first]) {
			first = b
		}
	}
	leader := p.live[first]
	candidates := make([]*Broker, 0, live-1)
	for n := range live - 1 {
		candidates = append(candidates, p.live[(first+1+(turn/live+n)%(live-1))%live])
	}
	replicas := append([]int32{leader.ID}, p.followers(leader, candidates, replicationFactor-1)...)
	for n := 0; len(replicas) < replicationFactor; n++ {
		replicas = append(replicas, p.fenced[(turn+n)%len(p.fenced)].ID)
	}
	p.count(replicas)
	return replicas
}

// leadsBefore reports whether a is a better leader than b: it leads fewer partitions, or as many and has fewer
// replicas.
func (p *placer) leadsBefore(a, b *Broker) bool {
	return cmp.Or(cmp.Compare(p.leads[a.ID], p.leads[b.ID]), cmp.Compare(p.holds[a.ID], p.holds[b.ID])) < 0
}

// followers returns count of the candidates, or all when there are fewer. The first of them leads if leader dies. It
// prefers candidates in racks with fewer of the partition's replicas, then those that follow fewer partitions. Ties are
// decided by the number of replicas, and by how often the candidate is leader's first follower. Leaderships do not
// count: every broker gets them in its turn.
func (p *placer) followers(leader *Broker, candidates []*Broker, count int) []int32 {
	inRack, chosen := map[string]int{leader.Rack: 1}, make([]int32, 0, count)
	heir := func(id int32) int { return p.heirs[[2]int32{leader.ID, id}] }
	for len(chosen) < count && len(candidates) > 0 {
		best := slices.MinFunc(candidates, func(a, b *Broker) int {
			return cmp.Or(
				cmp.Compare(inRack[a.Rack], inRack[b.Rack]),
				cmp.Compare(p.holds[a.ID]-p.leads[a.ID], p.holds[b.ID]-p.leads[b.ID]),
				cmp.Compare(p.holds[a.ID], p.holds[b.ID]),
				cmp.Compare(heir(a.ID), heir(b.ID)),
			)
		})
		chosen = append(chosen, best.ID)
		inRack[best.Rack]++
		candidates = slices.DeleteFunc(candidates, func(b *Broker) bool { return b == best })
	}
	slices.SortStableFunc(chosen, func(a, b int32) int { return cmp.Compare(heir(a), heir(b)) })
	return chosen
}

func checkNewPartitions(count int) error {
	if count > maxNewPartitions {
		return fault.New(fault.PolicyViolation, "Excessively large number of partitions per request.")
	}
	return nil
}

// newPartition returns a partition whose in-sync replicas are the active ones. Its leader is the first of them; ok is
// false when there is none.
func newPartition(img *Image, replicas []int32, shared replicaSets) (p Partition, ok bool) {
	isr := make([]int32, 0, len(replicas))
	for _, id := range replicas {
		if b, ok := img.Broker(id); ok && b.Active() {
			isr = append(isr, id)
		}
	}
	if len(isr) == 0 {
		return Partition{}, false
	}
	return Partition{Replicas: shared.of(replicas), ISR: shared.of(isr), Leader: isr[0]}, true
}

// replicaSets makes partitions with equal lists of replicas share one slice: a cluster has many
// partitions and few such lists.
type replicaSets map[string][]int32

// of returns a shared slice that is equal to ids. It must not be changed.
func (s replicaSets) of(ids []int32) []int32 {
	if len(ids) == 0 {
		return nil
	}
	var buf [64]byte
	key := buf[:0]
	for _, id := range ids {
		key = binary.BigEndian.AppendUint32(key, uint32(id))
	}
	if known, ok := s[string(key)]; ok {
		return known
	}
	own := slices.Clone(ids)
	s[string(key)] = own
	return own
}
