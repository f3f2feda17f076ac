package metadata

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// cluster returns an image with brokers 1 to n, and topics "a.b" (2 partitions) and "orders" (1) if n > 0.
func cluster(tb testing.TB, n int32, more ...Command) *Image {
	tb.Helper()
	img := new(Image)
	var commands []Command
	for id := range n {
		commands = append(commands, RegisterBroker{ID: id + 1, Incarnation: [16]byte{1}})
	}
	if n > 0 {
		commands = append(commands,
			CreateTopic{Name: "a.b", ID: TopicID{1}, Partitions: 2, ReplicationFactor: 1},
			CreateTopic{Name: "orders", ID: TopicID{2}, Partitions: 1, ReplicationFactor: 1})
	}
	for _, cmd := range append(commands, more...) {
		next, _, err := Apply(img, cmd)
		if err != nil {
			tb.Fatalf("Apply(%+v) = %v", cmd, err)
		}
		img = next
	}
	return img
}

// TestRefusalsHaveKafkasKindsAndMessages: the texts are what Apache Kafka 4.3.1 answers.
func TestRefusalsHaveKafkasKindsAndMessages(t *testing.T) {
	img := cluster(t, 3)
	topic := func(change func(*CreateTopic)) CreateTopic {
		cmd := CreateTopic{Name: "new", ID: TopicID{9}, Partitions: 1, ReplicationFactor: 1}
		change(&cmd)
		return cmd
	}
	manual := func(replicas ...[]int32) CreateTopic {
		return CreateTopic{Name: "new", ID: TopicID{9}, Partitions: -1, ReplicationFactor: -1, Assignments: replicas}
	}
	long := strings.Repeat("x", 250)
	for _, c := range []struct {
		cmd  Command
		kind fault.Kind
		text string
	}{
		{topic(func(c *CreateTopic) { c.Name = "orders" }), fault.TopicExists, "Topic 'orders' already exists."},
		{topic(func(c *CreateTopic) { c.Name = "a.b" }), fault.TopicExists, "Topic 'a.b' already exists."},
		{
			topic(func(c *CreateTopic) { c.Name = "a_b" }), fault.InvalidTopic,
			"Topic 'a_b' collides with existing topic: a.b",
		},
		{
			topic(func(c *CreateTopic) { c.Name = "" }), fault.InvalidTopic,
			"Topic name is invalid: the empty string is not allowed",
		},
		{topic(func(c *CreateTopic) { c.Name = "." }), fault.InvalidTopic, "Topic name is invalid: '.' is not allowed"},
		{
			topic(func(c *CreateTopic) { c.Name = ".." }), fault.InvalidTopic,
			"Topic name is invalid: '..' is not allowed",
		},
		{
			topic(func(c *CreateTopic) { c.Name = long }), fault.InvalidTopic,
			"Topic name is invalid: the length of '" + long + "' is longer than the max allowed length 249",
		},
		{
			topic(func(c *CreateTopic) { c.Name = "ä" }), fault.InvalidTopic,
			"Topic name is invalid: 'ä' contains one or more characters other than ASCII alphanumerics, " +
				"'.', '_' and '-'",
		},
		{topic(func(c *CreateTopic) { c.ID = TopicID{} }), fault.InvalidRequest, "topic 'new' has no id"},
		{
			topic(func(c *CreateTopic) { c.Partitions = 0 }), fault.InvalidPartitions,
			"Number of partitions was set to an invalid non-positive value.",
		},
		{
			topic(func(c *CreateTopic) { c.Partitions = 10_001 }), fault.PolicyViolation,
			"Excessively large number of partitions per request.",
		},
		{
			topic(func(c *CreateTopic) { c.ReplicationFactor = 0 }), fault.InvalidReplicationFactor,
			"Replication factor must be larger than 0, or -1 to use the default value.",
		},
		{
			topic(func(c *CreateTopic) { c.ReplicationFactor = 4 }), fault.InvalidReplicationFactor,
			"Unable to replicate the partition 4 time(s): The target replication factor of 4 cannot be reached " +
				"because only 3 broker(s) are registered or some brokers have all their log directories cordoned.",
		},
		{
			topic(func(c *CreateTopic) { c.Configs = map[string]string{"retention.ms": "abc"} }), fault.InvalidConfig,
			"Invalid value abc for configuration retention.ms: Not a number of type LONG",
		},
		{
			topic(func(c *CreateTopic) { c.Configs = map[string]string{"nonsense": "1"} }), fault.InvalidConfig,
			"Unknown topic config name: nonsense",
		},
		{
			topic(func(c *CreateTopic) { c.Assignments, c.Partitions = [][]int32{{1}}, -1 }), fault.InvalidRequest,
			"A manual partition assignment was specified, but replication factor was not set to -1.",
		},
		{
			topic(func(c *CreateTopic) { c.Assignments, c.ReplicationFactor = [][]int32{{1}}, -1 }),
			fault.InvalidRequest,
			"A manual partition assignment was specified, but numPartitions was not set to -1.",
		},
		{
			manual([]int32{1}, nil), fault.InvalidReplicaAssignment,
			"The manual partition assignment includes an empty replica list.",
		},
		{
			manual([]int32{9}), fault.InvalidReplicaAssignment,
			"The manual partition assignment includes broker 9, but no such broker is registered.",
		},
		{
			manual([]int32{2, 1, 2}), fault.InvalidReplicaAssignment,
			"The manual partition assignment includes the broker 2 more than once.",
		},
		{
			manual([]int32{1, 2}, []int32{3}), fault.InvalidReplicaAssignment,
			"The manual partition assignment includes a partition with 1 replica(s), but this is not consistent with " +
				"previous partitions, which have 2 replica(s).",
		},
		{CreatePartitions{Topic: "none", Count: 3}, fault.UnknownTopicOrPartition, "no such topic or partition"},
		{CreatePartitions{Topic: "a.b", Count: 2}, fault.InvalidPartitions, "Topic already has 2 partition(s)."},
		{
			CreatePartitions{Topic: "a.b", Count: 1},
			fault.InvalidPartitions,
			"The topic a.b currently has 2 partition(s); 1 would not be an increase.",
		},
		{
			CreatePartitions{Topic: "a.b", Count: 4, Assignments: [][]int32{{1}}},
			fault.InvalidReplicaAssignment,
			"Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
		},
		{DeleteTopic{ID: TopicID{7}}, fault.UnknownTopicID, "This server does not host this topic ID."},
		{AlterConfigs{Type: ResourceTopic}, fault.InvalidRequest, "Default topic resources are not allowed."},
		{
			AlterConfigs{Type: ResourceTopic, Name: "none"},
			fault.UnknownTopicOrPartition,
			"The topic 'none' does not exist.",
		},
		{
			AlterConfigs{Type: ResourceBroker, Name: "x"},
			fault.InvalidRequest,
			"Unable to parse broker name as a base 10 number.",
		},
		{AlterConfigs{Type: ResourceBroker, Name: "-1"}, fault.InvalidRequest, "Invalid negative broker ID."},
		{AlterConfigs{Type: ResourceBroker, Name: "9"}, fault.BrokerIDNotRegistered, "No node with id 9 found."},
		{AlterConfigs{Type: ResourceGroup}, fault.InvalidRequest, "Default group resources are not allowed."},
		{AlterConfigs{Type: ResourceClientMetrics}, fault.InvalidRequest, "Subscription name can't be empty"},
		{
			AlterConfigs{
				Type: ResourceTopic, Name: "orders", Set: map[string]string{"retention.ms": "1"}, Against: true,
				Seen: map[string]string{"retention.ms": "2"},
			},
			fault.InvalidUpdateVersion, "the configs of topic orders were changed meanwhile",
		},
		{AlterConfigs{Type: 99, Name: "x"}, fault.InvalidRequest, "Unknown resource type 99"},
		{
			AlterConfigs{Type: ResourceGroup, Name: "g", Set: map[string]string{"nonsense": "1"}},
			fault.InvalidConfig,
			"Unknown group config name: nonsense",
		},
		{
			AlterConfigs{Type: ResourceBroker, Set: map[string]string{"broker.id": "1"}},
			fault.InvalidRequest,
			"Cannot update these configs dynamically: [broker.id]",
		},
		{
			AlterConfigs{Type: ResourceClientMetrics, Name: "m", Set: map[string]string{"x": "1"}},
			fault.InvalidRequest,
			"Unknown client metrics configuration: x",
		},
		{AlterConfigs{Type: ResourceGroup, Name: "\xff"}, fault.InvalidRequest, `"\xff" is not UTF-8`},
		{InitCluster{}, fault.InvalidRequest, "the cluster id is empty"},
		{RegisterBroker{ID: -1}, fault.InvalidRequest, "broker id -1 is negative"},
		{AllocateProducerIDs{}, fault.InvalidRequest, "0 producer ids asked for"},
		{
			AllocateProducerIDs{Count: math.MaxInt64},
			fault.Unknown,
			"Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit",
		},
		{nil, fault.UnsupportedVersion, "unknown metadata command <nil>"},
	} {
		t.Run(c.text, func(t *testing.T) {
			from := img
			if _, all := c.cmd.(AllocateProducerIDs); all {
				from = cluster(t, 1, AllocateProducerIDs{Count: 1})
			}
			next, _, err := Apply(from, c.cmd)
			if !errors.Is(err, c.kind) || err.Error() != c.text || next != from {
				t.Errorf("Apply(%+v) = %v (%v), want %v (%v)", c.cmd, err, fault.KindOf(err), c.text, c.kind)
			}
		})
	}
}

func TestTheMetaTopicIsAllowed(t *testing.T) {
	img := cluster(t, 1, MetaTopicCommand(TopicID{5}, 1))
	got, ok := img.Topic(MetaTopic)
	if !ok || len(got.Partitions) != 1 || got.Configs["segment.bytes"] != "52428800" ||
		got.Configs["retention.ms"] != "-1" {
		t.Errorf("topic __meta = %+v, %t", got, ok)
	}
}

func TestTheMetaTopicIsKnownAndNotListed(t *testing.T) {
	img := cluster(t, 1, MetaTopicCommand(TopicID{5}, 1),
		CreateTopic{Name: "a", ID: TopicID{3}, Partitions: 1, ReplicationFactor: 1},
		CreateTopic{Name: OffsetsTopic, ID: TopicID{4}, Partitions: 1, ReplicationFactor: 1})
	names := func(topics iter.Seq[*Topic]) (all []string) {
		for topic := range topics {
			all = append(all, topic.Name)
		}
		return all
	}
	if got, want := names(img.Topics()), []string{OffsetsTopic, MetaTopic, "a", "a.b", "orders"}; !slices.Equal(got,
		want) {
		t.Errorf("topics %v, want %v", got, want)
	}
	for from, want := range map[string][]string{
		"":        {OffsetsTopic, "a", "a.b", "orders"},
		MetaTopic: {"a", "a.b", "orders"},
		"__d":     {"a", "a.b", "orders"},
		"b":       {"orders"},
	} {
		if got := names(img.ListedTopics(from)); !slices.Equal(got, want) {
			t.Errorf("listed from %q: %v, want %v", from, got, want)
		}
	}
	if _, ok := img.TopicByID(TopicID{5}); !ok {
		t.Error("__meta is not known by its id")
	}
	all, allPartitions := img.Counts()
	if topics, partitions := img.ListedCounts(); all != 5 || topics != 4 || partitions != allPartitions-1 {
		t.Errorf("%d topics with %d partitions are listed of %d with %d", topics, partitions, all, allPartitions)
	}
}

func TestANewIncarnationRaisesTheBrokerEpochAndARetryDoesNot(t *testing.T) {
	img := cluster(t, 1)
	_, again, _ := Apply(img, RegisterBroker{ID: 1, Incarnation: [16]byte{1}})
	_, renewed, _ := Apply(img, RegisterBroker{ID: 1, Incarnation: [16]byte{2}})
	if b, _ := img.Broker(1); again.BrokerEpoch != b.Epoch || renewed.BrokerEpoch <= b.Epoch {
		t.Errorf("epoch %d, then %d for a retry and %d for a new incarnation", b.Epoch, again.BrokerEpoch,
			renewed.BrokerEpoch)
	}
}

func TestInitClusterKeepsTheFirstID(t *testing.T) {
	if img := cluster(t, 0, InitCluster{ClusterID: "one"}, InitCluster{ClusterID: "two"}); img.ClusterID() != "one" ||
		img.Index() != 2 {
		t.Errorf("cluster id %q at index %d", img.ClusterID(), img.Index())
	}
}

func TestProducerIDsAreHandedOutOnce(t *testing.T) {
	img := cluster(t, 0, AllocateProducerIDs{Count: 1000})
	_, got, err := Apply(img, AllocateProducerIDs{Count: 5})
	if want := (Block{First: 1000, Count: 5}); err != nil || got.ProducerIDs != want {
		t.Errorf("second block %+v (%v), want %+v", got.ProducerIDs, err, want)
	}
}

func TestPlacementSpreadsLeadersAndReplicas(t *testing.T) {
	img := cluster(t, 5, CreateTopic{Name: "wide", ID: TopicID{3}, Partitions: 100, ReplicationFactor: 3})
	topic, _ := img.Topic("wide")
	leaders, replicas, pairs := map[int32]int{}, map[int32]int{}, map[[2]int32]int{}
	for _, p := range topic.Partitions {
		leaders[p.Leader]++
		pairs[[2]int32{p.Replicas[0], p.Replicas[1]}]++
		for _, id := range p.Replicas {
			replicas[id]++
		}
	}
	for id := int32(1); id <= 5; id++ {
		if leaders[id] != 20 || replicas[id] != 60 {
			t.Errorf("broker %d leads %d partitions and has %d replicas, want 20 and 60", id, leaders[id], replicas[id])
		}
	}
	if len(pairs) != 20 {
		t.Errorf("a leader's followers are %d pairs, want all 20", len(pairs))
	}
}

func TestTopicsOfOnePartitionSpreadOverBrokers(t *testing.T) {
	img, leaders := cluster(t, 3), map[int32]int{}
	for n := range 30 {
		next, got, err := Apply(img, CreateTopic{
			Name: fmt.Sprint("t", n), ID: TopicID{3, byte(n)}, Partitions: 1, ReplicationFactor: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		leaders[got.Topic.Partitions[0].Leader]++
		img = next
	}
	if leaders[1] != 10 || leaders[2] != 10 || leaders[3] != 10 {
		t.Errorf("leaders: %v", leaders)
	}
}

func TestFencedBrokersAreTakenLastAndAreNotInSync(t *testing.T) {
	l := NewLoader()
	l.header = &headerFields{Index: 1}
	for id := range int32(4) {
		if err := l.addBroker(&Broker{ID: id, Fenced: id >= 2}); err != nil {
			t.Fatal(err)
		}
	}
	img, err := l.Image()
	if err != nil {
		t.Fatal(err)
	}
	for rf, fenced := range []int{0, 0, 0, 1, 2} {
		if rf == 0 {
			continue
		}
		_, got, err := Apply(img, CreateTopic{Name: "t", ID: TopicID{1}, Partitions: 8, ReplicationFactor: int16(rf)})
		if err != nil {
			t.Fatal(err)
		}
		for n, p := range got.Topic.Partitions {
			if len(p.Replicas) != rf || len(p.ISR) != rf-fenced || p.Leader >= 2 || slices.Max(p.ISR) >= 2 {
				t.Errorf("replication factor %d, partition %d: %+v", rf, n, p)
			}
		}
	}
	_, _, err = Apply(img,
		CreateTopic{Name: "t", ID: TopicID{1}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{2, 3}}})
	want := "All brokers specified in the manual partition assignment for partition 0 " +
		"are fenced or in controlled shutdown."
	if !errors.Is(err, fault.InvalidReplicaAssignment) || err.Error() != want {
		t.Errorf("assigning fenced brokers only: %v", err)
	}
}

func TestPartitionsWithTheSameReplicasShareThem(t *testing.T) {
	img := cluster(t, 2, CreateTopic{Name: "t", ID: TopicID{3}, Partitions: 100, ReplicationFactor: 2})
	topic, _ := img.Topic("t")
	distinct := map[*int32]bool{}
	for _, p := range topic.Partitions {
		distinct[&p.Replicas[0]], distinct[&p.ISR[0]] = true, true
	}
	if len(distinct) != 2 {
		t.Errorf("100 partitions over 2 assignments hold %d lists of replicas", len(distinct))
	}
}

func BenchmarkCreateOneMoreTopicAmong100000(b *testing.B) {
	img := cluster(b, 1)
	for n := range 100_000 {
		next, _, err := Apply(img, CreateTopic{
			Name: fmt.Sprintf("topic-%d", n), ID: TopicID{3, byte(n >> 16), byte(n >> 8), byte(n)}, Partitions: 1,
			ReplicationFactor: 1,
		})
		if err != nil {
			b.Fatal(err)
		}
		img = next
	}
	b.ReportAllocs()
	for b.Loop() {
		one := CreateTopic{Name: "one.more", ID: TopicID{9}, Partitions: 1, ReplicationFactor: 1}
		if _, _, err := Apply(img, one); err != nil {
			b.Fatal(err)
		}
	}
}
