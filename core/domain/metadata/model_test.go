package metadata

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// model is the metadata as a reader of Kafka's documentation would keep it: plain maps, changed in place.
type model struct {
	index, nextProducerID int64
	clusterID             string
	brokers               map[int32]Broker
	topics                map[string]modelTopic
	configs               map[string]map[string]string
}

type modelTopic struct {
	id                TopicID
	partitions        int
	replicationFactor int
	configs           map[string]string
}

func newModel() *model {
	return &model{brokers: map[int32]Broker{}, topics: map[string]modelTopic{}, configs: map[string]map[string]string{}}
}

// apply returns the kind of fault that cmd must meet, None when it is carried out.
func (m *model) apply(cmd Command) fault.Kind {
	var refusal fault.Kind
	switch cmd := cmd.(type) {
	case InitCluster:
		if m.clusterID == "" {
			m.clusterID = cmd.ClusterID
		}
	case RegisterBroker:
		if m.brokers[cmd.ID].Incarnation != cmd.Incarnation {
			m.brokers[cmd.ID] = Broker{ID: cmd.ID, Incarnation: cmd.Incarnation, Epoch: m.index + 1, Rack: cmd.Rack}
		}
	case CreateTopic:
		refusal = m.create(cmd)
	case DeleteTopic:
		refusal = fault.UnknownTopicID
		maps.DeleteFunc(m.topics, func(_ string, t modelTopic) bool {
			if t.id == cmd.ID {
				refusal = fault.None
			}
			return t.id == cmd.ID
		})
	case CreatePartitions:
		refusal = m.grow(cmd)
	case AlterConfigs:
		refusal = m.alter(cmd)
	case AllocateProducerIDs:
		m.nextProducerID += cmd.Count
	}
	if refusal == fault.None {
		m.index++
	}
	return refusal
}

func (m *model) create(cmd CreateTopic) fault.Kind {
	if _, ok := m.topics[cmd.Name]; ok {
		return fault.TopicExists
	}
	if strings.Contains(cmd.Name, "/") {
		return fault.InvalidTopic
	}
	for name := range m.topics {
		if strings.ReplaceAll(name, ".", "_") == strings.ReplaceAll(cmd.Name, ".", "_") {
			return fault.InvalidTopic
		}
	}
	for _, t := range m.topics {
		if t.id == cmd.ID {
			return fault.InvalidRequest
		}
	}
	switch {
	case cmd.ReplicationFactor < 1:
		return fault.InvalidReplicationFactor
	case cmd.Partitions < 1:
		return fault.InvalidPartitions
	case int(cmd.ReplicationFactor) > len(m.brokers):
		return fault.InvalidReplicationFactor
	}
	m.topics[cmd.Name] = modelTopic{cmd.ID, int(cmd.Partitions), int(cmd.ReplicationFactor), maps.Clone(cmd.Configs)}
	return fault.None
}

func (m *model) grow(cmd CreatePartitions) fault.Kind {
	t, ok := m.topics[cmd.Topic]
	if !ok {
		return fault.UnknownTopicOrPartition
	}
	if int(cmd.Count) <= t.partitions {
		return fault.InvalidPartitions
	}
	t.partitions = int(cmd.Count)
	m.topics[cmd.Topic] = t
	return fault.None
}

func (m *model) alter(cmd AlterConfigs) fault.Kind {
	key := fmt.Sprint(cmd.Type, "/", cmd.Name)
	have := m.configs[key]
	if cmd.Type == ResourceTopic {
		if strings.Contains(cmd.Name, "/") {
			return fault.InvalidTopic
		}
		t, ok := m.topics[cmd.Name]
		if !ok {
			return fault.UnknownTopicOrPartition
		}
		have = t.configs
	}
	for _, k := range cmd.Delete {
		if _, both := cmd.Set[k]; both {
			return fault.InvalidRequest
		}
	}
	next := map[string]string{}
	if !cmd.Replace {
		maps.Copy(next, have)
	}
	maps.Copy(next, cmd.Set)
	for _, k := range cmd.Delete {
		delete(next, k)
	}
	if cmd.Type == ResourceTopic {
		t := m.topics[cmd.Name]
		t.configs = next
		m.topics[cmd.Name] = t
	} else {
		m.configs[key] = next
	}
	return fault.None
}

// check compares an image with the model, by all of its questions.
func (m *model) check(t *rapid.T, img *Image) {
	if img.Index() != uint64(m.index) || img.ClusterID() != m.clusterID || img.NextProducerID() != m.nextProducerID {
		t.Fatalf("header (%d, %q, %d), want (%d, %q, %d)",
			img.Index(), img.ClusterID(), img.NextProducerID(), m.index, m.clusterID, m.nextProducerID)
	}
	names, partitions := slices.Sorted(maps.Keys(m.topics)), 0
	got := slices.Collect(img.Topics())
	if len(got) != len(names) {
		t.Fatalf("%d topics, want %v", len(got), names)
	}
	for n, name := range names {
		want := m.topics[name]
		m.checkTopic(t, got[n], name, want)
		if byName, ok := img.Topic(name); !ok || byName != got[n] {
			t.Fatalf("Topic(%q) = %+v, %t", name, byName, ok)
		}
		if byID, ok := img.TopicByID(want.id); !ok || byID != got[n] {
			t.Fatalf("TopicByID(%v) = %+v, %t", want.id, byID, ok)
		}
		listed := slices.DeleteFunc(slices.Clone(got[n:]), func(t *Topic) bool { return t.Name == MetaTopic })
		if from := slices.Collect(img.ListedTopics(name)); !slices.Equal(from, listed) {
			t.Fatalf("ListedTopics(%q) yields %d topics, want %d", name, len(from), len(listed))
		}
		if set := img.Configs(ResourceTopic, name); !maps.Equal(set, want.configs) {
			t.Fatalf("configs of topic %q: %v, want %v", name, set, want.configs)
		}
		partitions += want.partitions
	}
	if topics, total := img.Counts(); topics != len(names) || total != partitions {
		t.Fatalf("Counts() = %d, %d, want %d, %d", topics, total, len(names), partitions)
	}
	brokers := map[int32]Broker{}
	for b := range img.Brokers() {
		brokers[b.ID] = *b
	}
	if diff := cmp.Diff(m.brokers, brokers); diff != "" {
		t.Fatalf("brokers (-want +got):\n%s", diff)
	}
	for _, resource := range []struct {
		kind ResourceType
		name string
	}{{ResourceBroker, ""}, {ResourceGroup, "g"}} {
		want := m.configs[fmt.Sprint(resource.kind, "/", resource.name)]
		if set := img.Configs(resource.kind, resource.name); !maps.Equal(set, want) {
			t.Fatalf("configs of %v %q: %v, want %v", resource.kind, resource.name, set, want)
		}
		listed := slices.Contains(slices.Collect(img.ConfigResources(resource.kind)), resource.name)
		if listed != (len(want) > 0) {
			t.Fatalf("%v %q has configs %v and is listed: %t", resource.kind, resource.name, want, listed)
		}
	}
}

func (m *model) checkTopic(t *rapid.T, got *Topic, name string, want modelTopic) {
	if got.Name != name || got.ID != want.id || len(got.Partitions) != want.partitions {
		t.Fatalf("topic %q: %+v, want %+v", name, got, want)
	}
	for n, p := range got.Partitions {
		distinct := slices.Compact(slices.Sorted(slices.Values(p.Replicas)))
		if len(distinct) != want.replicationFactor || len(p.Replicas) != want.replicationFactor ||
			p.Leader != p.Replicas[0] {
			t.Fatalf("partition %s-%d: %+v, want %d distinct replicas", name, n, p, want.replicationFactor)
		}
		for _, id := range p.Replicas {
			if _, ok := m.brokers[id]; !ok {
				t.Fatalf("partition %s-%d is on broker %d, which does not exist", name, n, id)
			}
		}
	}
}

// aCommand draws a command that has a fair chance to be allowed, and one to be refused.
func aCommand() *rapid.Generator[Command] {
	names := rapid.SampledFrom([]string{"a", "b", "a.b", "a_b", "a.b.c", "a_b.c", "orders", "orders-2", "il/legal"})
	ids := rapid.Custom(func(t *rapid.T) TopicID { return TopicID{1, rapid.ByteRange(0, 12).Draw(t, "id")} })
	sets := rapid.MapOfN(rapid.SampledFrom([]string{"retention.ms", "segment.ms", "flush.ms"}),
		rapid.SampledFrom([]string{"1000", "2000"}), 0, 3)
	return rapid.Custom(func(t *rapid.T) Command {
		switch rapid.IntRange(0, 9).Draw(t, "command") {
		case 0:
			return InitCluster{ClusterID: rapid.SampledFrom([]string{"one", "two"}).Draw(t, "cluster")}
		case 1:
			return RegisterBroker{
				ID:          rapid.Int32Range(0, 4).Draw(t, "broker"),
				Incarnation: [16]byte{rapid.ByteRange(1, 3).Draw(t, "incarnation")},
			}
		case 2:
			return DeleteTopic{ID: ids.Draw(t, "id")}
		case 3, 4:
			return CreatePartitions{Topic: names.Draw(t, "name"), Count: rapid.Int32Range(0, 12).Draw(t, "count")}
		case 5:
			var gone []string
			if key := rapid.SampledFrom([]string{"", "segment.ms"}).Draw(t, "delete"); key != "" {
				gone = []string{key}
			}
			replace := rapid.Bool().Draw(t, "replace")
			if rapid.Bool().Draw(t, "topic") {
				return AlterConfigs{
					Type: ResourceTopic, Name: names.Draw(t, "name"), Replace: replace, Set: sets.Draw(t, "set"),
					Delete: gone,
				}
			}
			set := map[string]string{"log.cleaner.threads": "2"}
			return AlterConfigs{
				Type: ResourceBroker, Replace: replace, Set: set,
				Delete: rapid.SampledFrom([][]string{nil, {"x"}}).Draw(t, "gone"),
			}
		case 6:
			return AllocateProducerIDs{Count: rapid.Int64Range(1, 1000).Draw(t, "count")}
		default:
			return CreateTopic{
				Name: names.Draw(t, "name"), ID: ids.Draw(t, "id"),
				Partitions:        rapid.Int32Range(0, 6).Draw(t, "partitions"),
				ReplicationFactor: int16(rapid.IntRange(0, 3).Draw(t, "replication factor")),
				Configs:           sets.Draw(t, "configs"),
			}
		}
	})
}

// TestApplyDoesWhatThePlainModelDoes compares images and the results of commands with the model. It also checks that no
// image ever changes, and that another replica arrives at the same image, byte for byte, from encoded commands. Finally
// it checks that touched entities are enough to follow an image, and that every encoding can be read back.
func TestApplyDoesWhatThePlainModelDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, img, replica := newModel(), new(Image), new(Image)
		stored := map[Entity]string{}
		type past struct {
			img  *Image
			form string
		}
		var history []past
		for _, cmd := range rapid.SliceOfN(aCommand(), 1, 60).Draw(t, "commands") {
			want := m.apply(cmd)
			next, result, err := Apply(img, cmd)
			if got := fault.KindOf(err); got != want {
				t.Fatalf("Apply(%#v) = %v (%v), want %v", cmd, got, err, want)
			}
			if err != nil && (next != img || result != Result{}) {
				t.Fatalf("a refused %#v returns another image or a result: %+v", cmd, result)
			}
			if err == nil && result.Index != next.Index() {
				t.Fatalf("Apply(%#v) returns index %d, the image has %d", cmd, result.Index, next.Index())
			}
			replica = follow(t, replica, cmd)
			img = next
			if err == nil {
				storeTouched(t, stored, img, cmd)
			}
			m.check(t, img)
			history = append(history, past{img, encode(t, img)})
		}
		for _, p := range history {
			if encode(t, p.img) != p.form {
				t.Fatalf("image %d has changed", p.img.Index())
			}
		}
		checkForms(t, func(decoded *Image) { m.check(t, decoded) }, img, replica, stored)
	})
}

// follow applies cmd as a replica does: from its encoded form.
func follow(t *rapid.T, replica *Image, cmd Command) *Image {
	sent, err := EncodeCommand(cmd)
	if err != nil {
		t.Fatal(err)
	}
	received, err := DecodeCommand(sent)
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncodeCommand(received)
	if err != nil || !bytes.Equal(again, sent) {
		t.Fatalf("%#v encodes to %x, decoded and encoded again to %x (%v)", cmd, sent, again, err)
	}
	next, _, _ := Apply(replica, received) // a refusal leaves it where it was
	return next
}

// storeTouched keeps the image's entities as a store does.
func storeTouched(t *rapid.T, stored map[Entity]string, img *Image, cmd Command) {
	for _, e := range Touched(img, cmd) {
		value, ok, err := img.EncodeEntity(e)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			stored[e] = string(value)
		} else {
			delete(stored, e)
		}
	}
}

// checkForms checks that the replica, the stored entities, a snapshot and a dump all make the
// same image; check looks at it.
func checkForms(t *rapid.T, check func(decoded *Image), img, replica *Image, stored map[Entity]string) {
	want := encode(t, img)
	if encode(t, replica) != want {
		t.Fatal("a replica that applied the same commands has another image")
	}
	loader := NewLoader()
	for e, value := range stored {
		if err := loader.Add(e, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := loader.Image()
	if err != nil && !(errors.Is(err, ErrCorrupt) && img.Index() == 0) { // no command, no header
		t.Fatal(err)
	}
	if err == nil && encode(t, loaded) != want {
		t.Fatal("the touched entities make another image")
	}
	decoded, err := DecodeImage(strings.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	check(decoded)
	var text strings.Builder
	if err := Dump(&text, img); err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseDump(strings.NewReader(text.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text.String())
	}
	if encode(t, parsed) != want {
		t.Fatalf("the dump makes another image:\n%s", text.String())
	}
}

func encode(t *rapid.T, img *Image) string {
	var out strings.Builder
	if err := EncodeImage(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
