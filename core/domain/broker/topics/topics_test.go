package topics

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/broker/brokerconfigs"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/core/ports/porttest"
)

// topicsFixture holds the dependencies of broker 1's topic service: metadata in memory with one topic, "plain".
type topicsFixture struct {
	store   *porttest.Store
	configs *brokerconfigs.Configs
}

func (f *topicsFixture) apply(t *testing.T, cmd metadata.Command) {
	t.Helper()
	if _, err := f.store.Apply(t.Context(), cmd); err != nil {
		t.Fatal(err)
	}
}

// newTopics returns the topic service over a topicsFixture. Topic ids are numbers from 2 on.
func newTopics(t *testing.T, given map[string]string) (*Topics, *topicsFixture) {
	t.Helper()
	f := &topicsFixture{store: porttest.NewStore()}
	f.apply(t, metadata.RegisterBroker{ID: 1})
	f.apply(t, metadata.CreateTopic{Name: "plain", ID: metadata.TopicID{1}, Partitions: 1, ReplicationFactor: 1})
	log := slog.New(slog.DiscardHandler)
	static := brokerconfigs.Static{Given: given}
	var err error
	if f.configs, err = brokerconfigs.NewConfigs(f.store, 1, static, ports.FlushSync, &slog.LevelVar{}, log); err != nil {
		t.Fatal(err)
	}
	last := byte(1)
	return NewTopics(f.store, f.configs, func() metadata.TopicID {
		last++
		return metadata.TopicID{last}
	}), f
}

func text(s string) *string { return &s }

// The messages are those that Apache Kafka 4.3.1 has answered.
func TestTopicsAreRefusedWithKafkasMessages(t *testing.T) {
	for what, c := range map[string]struct {
		ask  NewTopic
		kind fault.Kind
		want string
	}{
		"exists": {
			NewTopic{Name: "plain", Partitions: 1, ReplicationFactor: 1},
			fault.TopicExists,
			"Topic 'plain' already exists.",
		},
		"exists, first": {NewTopic{
			Name: "plain", Partitions: 1, ReplicationFactor: 1,
			Configs: map[string]*string{"x": text("y")},
		}, fault.TopicExists, "Topic 'plain' already exists."},
		"name": {
			NewTopic{Name: "", Partitions: 1, ReplicationFactor: 1},
			fault.InvalidTopic,
			"Topic name is invalid: the empty string is not allowed",
		},
		"partitions": {
			NewTopic{Name: "a", Partitions: 0, ReplicationFactor: 1},
			fault.InvalidPartitions,
			"Number of partitions was set to an invalid non-positive value.",
		},
		"factor": {
			NewTopic{Name: "a", Partitions: 1, ReplicationFactor: 0},
			fault.InvalidReplicationFactor,
			"Replication factor must be larger than 0, or -1 to use the default value.",
		},
		"null config": {
			NewTopic{
				Name: "a", Partitions: 1, ReplicationFactor: 1,
				Configs: map[string]*string{"retention.ms": nil},
			},
			fault.InvalidConfig,
			"Null value not supported for topic configs: retention.ms",
		},
		"config": {
			NewTopic{
				Name: "a", Partitions: 1, ReplicationFactor: 1,
				Configs: map[string]*string{"retention.ms": text("x")},
			},
			fault.InvalidConfig,
			"Invalid value x for configuration retention.ms: Not a number of type LONG",
		},
		"gap": {NewTopic{Name: "a", Partitions: -1, ReplicationFactor: -1, Assignments: map[int32][]int32{
			0: {1},
			2: {1},
		}}, fault.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence"},
		"both": {
			NewTopic{
				Name: "a", Partitions: 1, ReplicationFactor: -1,
				Assignments: map[int32][]int32{0: {1}},
			},
			fault.InvalidRequest,
			"A manual partition assignment was specified, but numPartitions was not set to -1.",
		},
		"unknown broker": {
			NewTopic{
				Name: "a", Partitions: -1, ReplicationFactor: -1,
				Assignments: map[int32][]int32{0: {7}},
			},
			fault.InvalidReplicaAssignment,
			"The manual partition assignment includes broker 7, but no such broker is registered.",
		},
		"controller's": {
			NewTopic{Name: "__cluster_metadata", Partitions: 1, ReplicationFactor: 1},
			fault.InvalidRequest,
			"Creation of internal topic __cluster_metadata is prohibited.",
		},
		"too many at once": {
			NewTopic{Name: "a", Partitions: 20000, ReplicationFactor: 1},
			fault.PolicyViolation,
			"Excessively large number of partitions per request.",
		},
	} {
		for _, validate := range []bool{false, true} {
			topics, f := newTopics(t, nil)
			c.ask.ValidateOnly = validate
			before := f.store.Image()
			topic, err := topics.Create(t.Context(), c.ask)
			if topic != nil || err == nil || err.Error() != c.want || fault.KindOf(err) != c.kind {
				t.Errorf("%s, validate %v: %v, %v %v; want %v %s", what, validate, topic, fault.KindOf(err), err, c.kind, c.want)
			}
			if f.store.Image() != before {
				t.Errorf("%s: refused, but the metadata has changed", what)
			}
		}
	}
}

func TestTopicsGetTheBrokersDefaults(t *testing.T) {
	topics, f := newTopics(t, map[string]string{"num.partitions": "3"})
	topic, err := topics.Create(t.Context(), NewTopic{
		Name: "a", Partitions: -1, ReplicationFactor: -1,
		Configs: map[string]*string{"retention.ms": text("5")},
	})
	if err != nil || len(topic.Partitions) != 3 || len(topic.Partitions[0].Replicas) != 1 || topic.ID.IsZero() ||
		topic.Configs["retention.ms"] != "5" {
		t.Errorf("created %+v, %v", topic, err)
	}
	before := f.store.Image()
	topic, err = topics.Create(t.Context(), NewTopic{Name: "b", Partitions: 2, ReplicationFactor: -1, ValidateOnly: true})
	if err != nil || len(topic.Partitions) != 2 || f.store.Image() != before {
		t.Errorf("validated %+v, %v, metadata changed: %v", topic, err, f.store.Image() != before)
	}
	topic, err = topics.Create(t.Context(), NewTopic{
		Name: "c", Partitions: -1, ReplicationFactor: -1,
		Assignments: map[int32][]int32{1: {1}, 0: {1}},
	})
	if err != nil || len(topic.Partitions) != 2 {
		t.Errorf("assigned %+v, %v", topic, err)
	}
	entries := f.configs.DescribeTopic(&metadata.Topic{Name: "not there", Configs: map[string]string{"retention.ms": "5"}})
	for _, e := range entries {
		if e.Name == "retention.ms" && (*e.Value != "5" || e.Source != brokerconfigs.SourceTopic || e.Synonyms != nil) {
			t.Errorf("described before it is made: %+v", e)
		}
	}
}

func TestTopicsAreCreatedOnDemand(t *testing.T) {
	topics, f := newTopics(t, map[string]string{
		"num.partitions":               "4",
		"offsets.topic.num.partitions": "7", "offsets.topic.segment.bytes": "2000000",
	})
	topic, created, err := topics.AutoCreate(t.Context(), "asked")
	if err != nil || !created || len(topic.Partitions) != 4 {
		t.Fatalf("created %+v, %v", topic, err)
	}
	if again, created, err := topics.AutoCreate(t.Context(), "asked"); err != nil || created || again.ID != topic.ID {
		t.Errorf("again: %+v, created: %t, %v", again, created, err)
	}
	if _, _, err := topics.AutoCreate(t.Context(), "a b"); !errors.Is(err, fault.InvalidTopic) {
		t.Errorf("illegal name: %v", err)
	}
	f.apply(t, metadata.CreateTopic{Name: "x.y", ID: metadata.TopicID{100}, Partitions: 1, ReplicationFactor: 1})
	if _, _, err := topics.AutoCreate(t.Context(), "x_y"); !errors.Is(err, fault.UnknownTopicOrPartition) {
		t.Errorf("colliding name: %v", err)
	}
	offsets, _, err := topics.AutoCreate(t.Context(), metadata.OffsetsTopic)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{
		"cleanup.policy": "compact", "compression.type": "producer",
		"segment.bytes": "2000000",
	}, offsets.Configs); diff != "" || len(offsets.Partitions) != 7 {
		t.Errorf("%d partitions, configs (-want +got):\n%s", len(offsets.Partitions), diff)
	}

	topics, _ = newTopics(t, map[string]string{"auto.create.topics.enable": "false"})
	if _, _, err := topics.AutoCreate(t.Context(), "asked"); !errors.Is(err, fault.UnknownTopicOrPartition) {
		t.Errorf("switched off: %v", err)
	}
	if topic, _, err := topics.AutoCreate(t.Context(), "plain"); err != nil || topic.Name != "plain" {
		t.Errorf("a topic that exists: %+v, %v", topic, err)
	}
	for name, partitions := range map[string]int{
		metadata.OffsetsTopic: 50, metadata.TransactionTopic: 50,
		metadata.ShareGroupStateTopic: 50,
	} {
		topic, err := topics.EnsureInternal(t.Context(), name)
		if err != nil || len(topic.Partitions) != partitions {
			t.Errorf("%s: %+v, %v", name, topic, err)
			continue
		}
		if again, err := topics.EnsureInternal(t.Context(), name); err != nil || again.ID != topic.ID {
			t.Errorf("%s again: %+v, %v", name, again, err)
		}
	}
	if _, err := topics.EnsureInternal(t.Context(), "asked"); !errors.Is(err, fault.InvalidTopic) {
		t.Errorf("no internal topic: %v", err)
	}
}

// raced is a store in which another command is applied just before the first one.
type raced struct {
	*porttest.Store
	before func()
}

func (r raced) Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error) {
	r.before()
	return r.Store.Apply(ctx, cmd)
}

func TestConcurrentRequestsForAMissingTopicGetTheSame(t *testing.T) {
	topics, _ := newTopics(t, nil)
	// Another caller creates the topic after the image was read and before the command.
	racing := NewTopics(raced{
		topics.store.(*porttest.Store),
		func() { _, _ = topics.EnsureInternal(t.Context(), metadata.OffsetsTopic) },
	}, topics.configs, topics.newID)
	got, err := racing.EnsureInternal(t.Context(), metadata.OffsetsTopic)
	want, _ := topics.store.Image().Topic(metadata.OffsetsTopic)
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// behind is metadata whose image is old until the next Barrier, as on a node that does not lead it.
type behind struct {
	*porttest.Store
	old *metadata.Image // nil: the image is the newest
}

func (b *behind) Image() *metadata.Image {
	if b.old != nil {
		return b.old
	}
	return b.Store.Image()
}

func (b *behind) Barrier(ctx context.Context) error {
	b.old = nil
	return b.Store.Barrier(ctx)
}

func TestATopicThatThisNodeDoesNotKnowYetIsDeleted(t *testing.T) {
	topics, f := newTopics(t, nil)
	old := f.store.Image()
	f.apply(t, metadata.CreateTopic{Name: "young", ID: metadata.TopicID{70}, Partitions: 1, ReplicationFactor: 1})
	f.apply(t, metadata.DeleteTopic{ID: metadata.TopicID{1}})
	f.apply(t, metadata.CreateTopic{Name: "plain", ID: metadata.TopicID{71}, Partitions: 1, ReplicationFactor: 1})
	for name, want := range map[string]metadata.TopicID{"young": {70}, "plain": {71}} {
		late := NewTopics(&behind{f.store, old}, topics.configs, topics.newID)
		if got, err := late.Delete(t.Context(), name, metadata.TopicID{}); err != nil || got.ID != want {
			t.Errorf("delete %s: %+v, %v; want topic %v", name, got, err, want)
		}
	}
}

func TestTopicsAreDeletedAsKafkaDeletesThem(t *testing.T) {
	topics, f := newTopics(t, nil)
	f.apply(t, metadata.MetaTopicCommand(metadata.TopicID{50}, 1))
	if _, err := topics.EnsureInternal(t.Context(), metadata.OffsetsTopic); err != nil {
		t.Fatal(err)
	}
	plainID := metadata.TopicID{1}
	for i, c := range []struct {
		name string
		id   metadata.TopicID
		kind fault.Kind
		want string
	}{
		{"nope", metadata.TopicID{}, fault.UnknownTopicOrPartition, "This server does not host this topic-partition."},
		{"", metadata.TopicID{99}, fault.UnknownTopicID, "This server does not host this topic ID."},
		{"", metadata.TopicID{}, fault.InvalidRequest, "Neither topic name nor id were specified."},
		{"plain", plainID, fault.InvalidRequest, "You may not specify both topic name and topic id."},
		{"__meta", metadata.TopicID{}, fault.InvalidTopic, "Deletion of internal topic __meta is prohibited."},
		{"", metadata.TopicID{50}, fault.InvalidTopic, "Deletion of internal topic __meta is prohibited."},
		{metadata.OffsetsTopic, metadata.TopicID{}, fault.None, ""},
		{"", plainID, fault.None, ""},
		{"plain", metadata.TopicID{}, fault.UnknownTopicOrPartition, "This server does not host this topic-partition."},
	} {
		topic, err := topics.Delete(t.Context(), c.name, c.id)
		if fault.KindOf(err) != c.kind || err != nil && err.Error() != c.want {
			t.Errorf("%d: %v, want %s", i, err, c.want)
		}
		if err == nil && topic == nil {
			t.Errorf("%d: no topic returned", i)
		}
	}
	topics, _ = newTopics(t, map[string]string{"delete.topic.enable": "false"})
	if _, err := topics.Delete(t.Context(), "plain", metadata.TopicID{}); !errors.Is(err, fault.TopicDeletionDisabled) {
		t.Errorf("switched off: %v", err)
	}
}

func TestPartitionsAreAdded(t *testing.T) {
	topics, f := newTopics(t, nil)
	count := func() int {
		topic, _ := f.store.Image().Topic("plain")
		return len(topic.Partitions)
	}
	for i, c := range []struct {
		name        string
		count       int32
		assignments [][]int32
		validate    bool
		want        int
		kind        fault.Kind
	}{
		{"plain", 3, nil, true, 1, fault.None},
		{"plain", 3, nil, false, 3, fault.None},
		{"plain", 3, nil, false, 3, fault.InvalidPartitions},
		{"plain", 3, nil, true, 3, fault.InvalidPartitions},
		{"plain", 4, [][]int32{{9}}, false, 3, fault.InvalidReplicaAssignment},
		{"plain", 4, [][]int32{{1}}, false, 4, fault.None},
		{"nope", 4, nil, false, 4, fault.UnknownTopicOrPartition},
	} {
		err := topics.CreatePartitions(t.Context(), c.name, c.count, c.assignments, c.validate)
		if fault.KindOf(err) != c.kind || count() != c.want {
			t.Errorf("%s: %v, %d partitions; want %v, %d", strconv.Itoa(i), err, count(), c.kind, c.want)
		}
	}
}
