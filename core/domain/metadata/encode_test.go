package metadata

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

func everyCommand() []Command {
	return []Command{
		InitCluster{ClusterID: "cluster"},
		RegisterBroker{ID: 1, Incarnation: [16]byte{1, 2}, Rack: "east"},
		RegisterBroker{
			ID: 2, Incarnation: [16]byte{3}, Fenced: true, Endpoints: []Endpoint{{"PLAINTEXT", "b2", 9092}},
			Features: supports(1, 2),
		},
		UpdateFeature{Name: VersionFeature, Level: 2, Downgrade: true},
		FenceBroker{ID: 1, Epoch: 2},
		UnfenceBroker{ID: 1, Epoch: 2},
		ShutDownBroker{ID: 1, Epoch: 2},
		UnregisterBroker{ID: 1},
		AlterPartition{
			TopicID: TopicID{1}, Partition: 1, BrokerID: 1, BrokerEpoch: 1, ISR: []int32{1}, ISREpochs: []int64{-1},
		},
		ElectLeader{TopicID: TopicID{1}, Partition: 1, Unclean: true},
		AlterReassignment{TopicID: TopicID{1}, Replicas: []int32{2}, KeepFactor: true},
		AlterReassignment{TopicID: TopicID{1}},
		CreateTopic{
			Name: "t", ID: TopicID{3}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1}},
			Configs: map[string]string{"b": "2", "a": "1"},
		},
		DeleteTopic{ID: TopicID{3}},
		CreatePartitions{Topic: "t", Count: 7, Assignments: [][]int32{{1, 2}, {2, 1}}},
		AlterConfigs{
			Type: ResourceGroup, Name: "g", Replace: true, Set: map[string]string{"a": "1"}, Delete: []string{"b"},
			Against: true, Seen: map[string]string{"b": "2"},
		},
		AllocateProducerIDs{Count: 1000},
	}
}

func TestEveryCommandIsReadBackAsItWas(t *testing.T) {
	kinds := map[kind]bool{}
	for _, want := range everyCommand() {
		in, err := EncodeCommand(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeCommand(in)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%T: %v (-want +got):\n%s", want, err, diff)
		}
		k, _ := kindOf(want)
		kinds[k] = true
	}
	if len(kinds) != len(decoders) {
		t.Errorf("%d kinds are encoded, %d can be decoded", len(kinds), len(decoders))
	}
}

func TestAnUnknownKindOrVersionOfACommandIsRefused(t *testing.T) {
	for name, e := range map[string]envelope{
		"kind":    {Version: 1, Kind: 99, Body: []byte{0xa0}},
		"version": {Version: 2, Kind: kindDeleteTopic, Body: []byte{0xa0}},
	} {
		in, err := encoding.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeCommand(in); !errors.Is(err, fault.UnsupportedVersion) {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
}

func TestAFieldThatIsNotKnownIsRefused(t *testing.T) {
	in, err := encoding.Marshal(envelope{Version: 1, Kind: kindDeleteTopic, Body: []byte{0xa1, 0x09, 0x01}}) // {9: 1}
	if err != nil {
		t.Fatal(err)
	}
	if cmd, err := DecodeCommand(in); !errors.Is(err, ErrCorrupt) {
		t.Errorf("DecodeCommand() = %+v, %v", cmd, err)
	}
}

func snapshotOf(tb testing.TB, img *Image) []byte {
	tb.Helper()
	var out bytes.Buffer
	if err := EncodeImage(&out, img); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestEveryTornOrChangedSnapshotIsRefused(t *testing.T) {
	whole := snapshotOf(t, cluster(t, 2, InitCluster{ClusterID: "cluster"}))
	for n := range whole {
		if _, err := DecodeImage(bytes.NewReader(whole[:n])); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(whole), err)
		}
		for bit := range 8 {
			changed := bytes.Clone(whole)
			changed[n] ^= 1 << bit
			if _, err := DecodeImage(bytes.NewReader(changed)); !errors.Is(err, ErrCorrupt) &&
				!errors.Is(err, fault.UnsupportedVersion) {
				t.Fatalf("bit %d of byte %d changed: %v", bit, n, err)
			}
		}
	}
	if _, err := DecodeImage(bytes.NewReader(append(whole, 0))); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte after the end: %v", err)
	}
}

func TestASnapshotOfANewerVersionIsRefused(t *testing.T) {
	in := snapshotOf(t, cluster(t, 1))
	in[len(snapshotMagic)+3]++
	if _, err := DecodeImage(bytes.NewReader(in)); !errors.Is(err, fault.UnsupportedVersion) {
		t.Errorf("DecodeImage() = %v", err)
	}
}

func TestAnEntityOfANewerVersionOrUnknownKindIsRefused(t *testing.T) {
	for e, value := range map[Entity]string{header: "\x02\xa0", "z": "\x01\xa0"} {
		if err := NewLoader().Add(e, []byte(value)); !errors.Is(err, fault.UnsupportedVersion) {
			t.Errorf("Add(%q, %q) = %v", e, value, err)
		}
	}
}

func TestADumpThatCannotBeIsRefused(t *testing.T) {
	var text strings.Builder
	img := cluster(t, 1, AlterConfigs{Type: ResourceBroker, Set: map[string]string{"log.cleaner.threads": "2"}})
	if err := Dump(&text, img); err != nil {
		t.Fatal(err)
	}
	good := text.String()
	if _, err := ParseDump(strings.NewReader(good)); err != nil {
		t.Fatalf("%v in\n%s", err, good)
	}
	for name, change := range map[string][2]string{
		"a newer version":     {`"version": 1`, `"version": 2`},
		"an unknown field":    {`"index"`, `"indexes"`},
		"a short id":          {`"AQAAAAAAAAAAAAAAAAAAAA"`, `"AQ"`},
		"a broken id":         {`"AQAAAAAAAAAAAAAAAAAAAA"`, `"?"`},
		"a topic twice":       {`"orders"`, `"a.b"`},
		"colliding topics":    {`"orders"`, `"a_b"`},
		"an illegal name":     {`"orders"`, `"or/ders"`},
		"no replicas":         {`"replicas":[1]`, `"replicas":[]`},
		"an unknown resource": {`"broker","name":""`, `"brooker","name":""`},
		"a negative broker":   {`"id":1`, `"id":-1`},
		"a cut":               {"\n}\n", ""},
		"something behind it": {"\n}\n", "\n}\n{}"},
		"a number too large":  {`"leader":1`, `"leader":99999999999`},
		"a broken character":  {`{`, `\`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good {
			t.Fatalf("%s: nothing changed in\n%s", name, good)
		}
		if _, err := ParseDump(strings.NewReader(bad)); !errors.Is(err, ErrCorrupt) &&
			!errors.Is(err, fault.UnsupportedVersion) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzDecodeCommand: what decodes, encodes to what decodes to the same; what does not is one of two errors.
func FuzzDecodeCommand(f *testing.F) {
	for _, cmd := range everyCommand() {
		in, err := EncodeCommand(cmd)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		cmd, err := DecodeCommand(in)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, fault.UnsupportedVersion) {
				t.Fatal(err)
			}
			return
		}
		out, err := EncodeCommand(cmd)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeCommand(out)
		if diff := cmp.Diff(cmd, again); err != nil || diff != "" {
			t.Fatalf("%v (-first +second):\n%s", err, diff)
		}
		img := cluster(t, 2)
		if next, _, err := Apply(img, cmd); err == nil { // and whatever is allowed can be stored
			if _, err := DecodeImage(bytes.NewReader(snapshotOf(t, next))); err != nil {
				t.Fatalf("%+v makes an image that cannot be read back: %v", cmd, err)
			}
		}
	})
}

// FuzzDecodeImage: what decodes, encodes to what decodes to the same; what does not is one of two errors.
func FuzzDecodeImage(f *testing.F) {
	f.Add(snapshotOf(f, new(Image)))
	f.Add(snapshotOf(f, cluster(f, 2, InitCluster{ClusterID: "cluster"})))
	f.Fuzz(func(t *testing.T, in []byte) {
		img, err := DecodeImage(bytes.NewReader(in))
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, fault.UnsupportedVersion) {
				t.Fatal(err)
			}
			return
		}
		out := snapshotOf(t, img)
		again, err := DecodeImage(bytes.NewReader(out))
		if err != nil || !bytes.Equal(snapshotOf(t, again), out) {
			t.Fatalf("a snapshot that was read and written is another: %v", err)
		}
	})
}

// FuzzEntity hands one entity to a loader, behind the checksum that guards a snapshot.
func FuzzEntity(f *testing.F) {
	img := cluster(f, 2, AlterConfigs{Type: ResourceBroker, Set: map[string]string{"log.cleaner.threads": "2"}})
	for e := range img.Entities() {
		value, _, err := img.EncodeEntity(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(e), value)
	}
	f.Fuzz(func(t *testing.T, e string, value []byte) {
		l := NewLoader()
		l.header = &headerFields{}
		err := l.Add(Entity(e), value)
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, fault.UnsupportedVersion) {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if loaded, err := l.Image(); err != nil || len(snapshotOf(t, loaded)) == 0 {
			t.Fatal(err)
		}
	})
}

// TestWhatWasStoredBeforeClustersCameIsRead: a topic and a broker as the first version has stored them, and a command.
func TestWhatWasStoredBeforeClustersCameIsRead(t *testing.T) {
	type partition struct {
		Replicas    []int32 `cbor:"1,keyasint"`
		ISR         []int32 `cbor:"2,keyasint"`
		Leader      int32   `cbor:"3,keyasint"`
		LeaderEpoch int32   `cbor:"4,keyasint"`
		Version     int32   `cbor:"5,keyasint"`
	}
	type topic struct {
		Name       string            `cbor:"1,keyasint"`
		ID         TopicID           `cbor:"2,keyasint"`
		Partitions []partition       `cbor:"3,keyasint"`
		Configs    map[string]string `cbor:"4,keyasint"`
	}
	type broker struct {
		ID          int32    `cbor:"1,keyasint"`
		Incarnation [16]byte `cbor:"2,keyasint"`
		Epoch       int64    `cbor:"3,keyasint"`
		Rack        string   `cbor:"4,keyasint"`
		Fenced      bool     `cbor:"5,keyasint"`
	}
	stored := func(part any) []byte {
		value, err := encoding.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		return append([]byte{entityVersion}, value...)
	}
	entities := map[Entity][]byte{
		header:                  stored(headerFields{Index: 7, ClusterID: "c"}),
		brokerEntity(1):         stored(broker{1, [16]byte{1}, 2, "r", false}),
		topicEntity(TopicID{1}): stored(topic{"t", TopicID{1}, []partition{{[]int32{1}, []int32{1}, 1, 3, 4}}, nil}),
	}
	l := NewLoader()
	for e, value := range entities {
		if err := l.Add(e, value); err != nil {
			t.Fatal(err)
		}
	}
	img, err := l.Image()
	if err != nil {
		t.Fatal(err)
	}
	b, _ := img.Broker(1)
	if diff := cmp.Diff(&Broker{ID: 1, Incarnation: [16]byte{1}, Epoch: 2, Rack: "r"}, b); diff != "" {
		t.Errorf("broker (-want +got):\n%s", diff)
	}
	got, _ := img.Topic("t")
	want := Partition{Replicas: []int32{1}, ISR: []int32{1}, Leader: 1, LeaderEpoch: 3, Version: 4}
	if diff := cmp.Diff(want, got.Partitions[0]); diff != "" {
		t.Errorf("partition (-want +got):\n%s", diff)
	}
	for e, value := range entities {
		if again, _, err := img.EncodeEntity(e); err != nil || !bytes.Equal(again, value) {
			t.Errorf("entity %q is stored as %x, before it was %x (%v)", e, again, value, err)
		}
	}
}
