package metadata

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// aClusterCommand draws a command about brokers or partitions that is often right against img.
func aClusterCommand(t *rapid.T, img *Image) Command {
	id := rapid.Int32Range(1, 5).Draw(t, "broker")
	var epoch int64
	if b, ok := img.Broker(id); ok {
		epoch = b.Epoch
	}
	if rapid.IntRange(0, 9).Draw(t, "stale") == 0 {
		epoch--
	}
	replicas := func(least int) []int32 {
		return rapid.Permutation([]int32{1, 2, 3, 4, 5}).Draw(t, "replicas")[:rapid.IntRange(least, 4).Draw(t, "count")]
	}
	topic := TopicID{rapid.ByteRange(1, 2).Draw(t, "topic")}
	index := rapid.Int32Range(0, 2).Draw(t, "partition")
	switch rapid.IntRange(0, 14).Draw(t, "command") {
	case 0, 1:
		return RegisterBroker{
			ID: id, Incarnation: [16]byte{rapid.ByteRange(1, 3).Draw(t, "incarnation")},
			Fenced:    rapid.Bool().Draw(t, "fenced"),
			Rack:      rapid.SampledFrom([]string{"", "east"}).Draw(t, "rack"),
			Endpoints: []Endpoint{{"PLAINTEXT", fmt.Sprint("b", id), 9092}},
			Features:  supports(1, rapid.Int16Range(2, 4).Draw(t, "supported")),
		}
	case 2, 3:
		return FenceBroker{ID: id, Epoch: epoch}
	case 4, 5:
		return UnfenceBroker{ID: id, Epoch: epoch}
	case 6:
		return ShutDownBroker{ID: id, Epoch: epoch}
	case 7:
		if rapid.IntRange(0, 3).Draw(t, "unregister") == 0 {
			return UnregisterBroker{ID: id}
		}
		on := rapid.SampledFrom([]string{"true", "false"}).Draw(t, "unclean")
		return AlterConfigs{
			Type: ResourceTopic, Name: fmt.Sprint("t.", topic[0]), Set: map[string]string{uncleanElectionConfig: on},
		}
	case 8:
		return CreateTopic{
			Name: fmt.Sprint("t.", topic[0]), ID: topic, Partitions: 2,
			ReplicationFactor: int16(rapid.IntRange(1, 3).Draw(t, "rf")),
		}
	case 9:
		return ElectLeader{TopicID: topic, Partition: index, Unclean: rapid.Bool().Draw(t, "unclean")}
	case 10:
		return UpdateFeature{
			Name: VersionFeature, Level: rapid.Int16Range(1, 4).Draw(t, "level"),
			Downgrade: rapid.IntRange(0, 9).Draw(t, "downgrade") == 0,
		}
	case 11, 12:
		cmd := AlterReassignment{TopicID: topic, Partition: index, KeepFactor: rapid.Bool().Draw(t, "keep")}
		if rapid.IntRange(0, 2).Draw(t, "cancel") > 0 {
			cmd.Replicas = replicas(0)
		}
		return cmd
	default:
		cmd := AlterPartition{TopicID: topic, Partition: index, BrokerID: id, BrokerEpoch: epoch, ISR: replicas(1)}
		if on, ok := img.TopicByID(topic); ok && int(index) < len(on.Partitions) {
			p := on.Partitions[index]
			cmd.LeaderEpoch, cmd.Version = p.LeaderEpoch, p.Version
			if b, ok := img.Broker(p.Leader); ok && rapid.IntRange(0, 4).Draw(t, "right") > 0 {
				cmd.BrokerID, cmd.BrokerEpoch, cmd.ISR = p.Leader, b.Epoch, []int32{p.Leader}
				for _, r := range p.Replicas {
					if r != p.Leader && rapid.Bool().Draw(t, "in sync") {
						cmd.ISR = append(cmd.ISR, r)
					}
				}
			}
		}
		return cmd
	}
}

// TestPartitionsKeepTheirPromisesWhateverHappensToBrokers checks that a leader is active and in sync, that in-sync
// replicas are replicas, and that epochs rise with every change. A clean election must never elect a replica that was
// out of sync. A copy which follows encoded commands or stored entities must be the same.
func TestPartitionsKeepTheirPromisesWhateverHappensToBrokers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		img, replica, stored := new(Image), new(Image), map[Entity]string{}
		apply := func(cmd Command) {
			next, res, err := Apply(img, cmd)
			replica = follow(t, replica, cmd)
			if err != nil {
				if next != img || res != (Result{}) {
					t.Fatalf("a refused %#v changes something", cmd)
				}
				return
			}
			storeTouched(t, stored, next, cmd)
			checkStep(t, img, next, cmd)
			img = next
		}
		apply(InitCluster{ClusterID: "cluster", Features: map[string]int16{VersionFeature: 1}})
		for id := range int32(3) {
			apply(RegisterBroker{ID: id + 1, Incarnation: [16]byte{1}, Features: supports(1, 2)})
		}
		apply(CreateTopic{Name: "t.1", ID: TopicID{1}, Partitions: 2, ReplicationFactor: 3})
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			apply(aClusterCommand(t, img))
		}
		checkForms(t, func(*Image) {}, img, replica, stored)
	})
}

// checkStep checks an image, and what has become of the one before it.
func checkStep(t *rapid.T, before, after *Image, cmd Command) {
	level := after.FeatureLevel(VersionFeature)
	if level < before.FeatureLevel(VersionFeature) {
		t.Fatalf("%#v: the cluster is at %d, and was at %d", cmd, level, before.FeatureLevel(VersionFeature))
	}
	for b := range after.Brokers() {
		if s := b.Features[VersionFeature]; level < s.Min || level > s.Max {
			t.Fatalf("%#v: the cluster is at %d, and broker %d supports %v", cmd, level, b.ID, s)
		}
	}
	for topic := range after.Topics() {
		if byID, ok := after.TopicByID(topic.ID); !ok || byID != topic {
			t.Fatalf("%#v: topic %s has another entry by its id", cmd, topic.Name)
		}
		old, existed := before.TopicByID(topic.ID)
		for n := range topic.Partitions {
			p := &topic.Partitions[n]
			checkPartition(t, after, p, cmd)
			if existed {
				alter, ok := cmd.(AlterPartition)
				confirmed := ok && alter.TopicID == topic.ID && int(alter.Partition) == n
				checkChange(t, before, &old.Partitions[n], p, cmd, confirmed)
			}
		}
	}
}

func checkPartition(t *rapid.T, img *Image, p *Partition, cmd Command) {
	switch {
	case len(p.ISR) == 0 || !containsAll(p.Replicas, p.ISR) || !distinct(p.ISR) || !distinct(p.Replicas):
		t.Fatalf("%#v: replicas and in-sync replicas do not agree: %+v", cmd, p)
	case p.Leader != noLeader && !slices.Contains(p.ISR, p.Leader):
		t.Fatalf("%#v: the leader is not in sync: %+v", cmd, p)
	case !containsAll(p.Replicas, p.Adding) || !containsAll(p.Replicas, p.Removing) || len(p.target()) == 0:
		t.Fatalf("%#v: a reassignment of what is not there: %+v", cmd, p)
	case p.Reassigning() && containsAll(p.ISR, p.target()):
		t.Fatalf("%#v: a reassignment is under way that could be over: %+v", cmd, p)
	}
	active := img.active()
	if p.Leader != noLeader && !active(p.Leader) {
		t.Fatalf("%#v: the leader is not active: %+v", cmd, p)
	}
	for _, id := range p.ISR {
		if !active(id) && len(p.ISR) > 1 {
			t.Fatalf("%#v: broker %d is inactive but in sync, and not the last: %+v", cmd, id, p)
		}
		if active(id) && p.Leader == noLeader {
			t.Fatalf("%#v: there is no leader, but broker %d could lead: %+v", cmd, id, p)
		}
	}
}

// checkChange checks one change of a partition. confirmed means that its leader has had the in-sync replicas committed.
func checkChange(t *rapid.T, before *Image, old, p *Partition, cmd Command, confirmed bool) {
	same := old.Leader == p.Leader && slices.Equal(old.Replicas, p.Replicas) && slices.Equal(old.ISR, p.ISR) &&
		slices.Equal(old.Adding, p.Adding) && slices.Equal(old.Removing, p.Removing)
	wantVersion, raised := old.Version+1, p.LeaderEpoch == old.LeaderEpoch+1
	if same && !confirmed {
		wantVersion = old.Version
	}
	switch {
	case p.Version != wantVersion:
		t.Fatalf("%#v: partition epoch of %+v after %+v", cmd, p, old)
	case !raised && p.LeaderEpoch != old.LeaderEpoch, same && raised:
		t.Fatalf("%#v: leader epoch of %+v after %+v", cmd, p, old)
	case !raised && (p.Leader != old.Leader || !containsAll(p.Replicas, old.Replicas)):
		t.Fatalf("%#v: another leader or fewer replicas in the same leader epoch: %+v after %+v", cmd, p, old)
	}
	if p.Leader == noLeader || slices.Contains(old.ISR, p.Leader) {
		return
	}
	// An election of a replica that was not in sync.
	if alter, ok := cmd.(AlterPartition); ok && slices.Contains(alter.ISR, p.Leader) {
		return // its leader has just said that it is, and so completed a reassignment
	}
	if elect, ok := cmd.(ElectLeader); ok && elect.Unclean {
		return
	}
	if !slices.Contains(slices.Collect(maps.Values(uncleanTopics(before))), true) {
		t.Fatalf("%#v: %+v is led by a replica that was not in sync in %+v", cmd, p, old)
	}
}

// uncleanTopics returns which topics allow an unclean election.
func uncleanTopics(img *Image) map[string]bool {
	topics := map[string]bool{}
	for t := range img.Topics() {
		topics[t.Name] = img.automatic(t) == electUnclean
	}
	return topics
}
