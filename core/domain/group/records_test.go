package group_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/group"
	"github.com/chronik-stream/chronik/core/domain/group/classic"
)

// captured is a record of __consumer_offsets as Apache Kafka 4.3.1 wrote it for franz-go clients: dynamic and
// static members, simple and expiring commits, deletions.
type captured struct {
	Partition int32
	Offset    int64
	Key       string
	Value     *string
}

func kafkasRecords(t testing.TB) (out []captured) {
	t.Helper()
	f, err := os.Open("testdata/kafka-4.3.1.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var c captured
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func (c captured) bytes(t testing.TB) (key, value []byte) {
	t.Helper()
	key, err := hex.DecodeString(c.Key)
	if err != nil {
		t.Fatal(err)
	}
	if c.Value != nil {
		if value, err = hex.DecodeString(*c.Value); err != nil {
			t.Fatal(err)
		}
	}
	return key, value
}

func groupOf(r group.Record) string {
	switch r := r.(type) {
	case group.OffsetRecord:
		return r.Group
	case group.MetadataRecord:
		return r.Group
	}
	return ""
}

func TestKafkasOwnRecordsAreReadAndWrittenByteForByte(t *testing.T) {
	for _, c := range kafkasRecords(t) {
		key, value := c.bytes(t)
		r, err := group.Decode(key, value)
		if err != nil {
			t.Errorf("Decode(%x) = %v", key, err)
			continue
		}
		if got := r.Key(); !bytes.Equal(got, key) {
			t.Errorf("key of %+v = %x, want %x", r, got, key)
		}
		if got := r.Value(); !bytes.Equal(got, value) {
			t.Errorf("value of %+v = %x, want %x", r, got, value)
		}
	}
}

func TestKafkasLogRestoresToWhatKafkaSays(t *testing.T) {
	groups := map[string]*classic.Group{}
	for _, c := range kafkasRecords(t) {
		r, err := group.Decode(c.bytes(t))
		if err != nil {
			t.Fatal(err)
		}
		id := groupOf(r)
		if groups[id] == nil {
			groups[id] = classic.NewFromLog(id)
		}
		groups[id].Apply(r)
	}
	now := time.Now()
	for _, g := range groups {
		g.Restore(now, classic.Settings{MaxSize: 10})
	}
	static := groups["groups-golden-static2"]
	if static.State() != classic.Empty || static.Generation() != 3 || static.Describe().ProtocolType != "consumer" {
		t.Errorf("static group = %v generation %d %q, want Empty 3 consumer", static.State(), static.Generation(),
			static.Describe().ProtocolType)
	}
	if got := len(static.Offsets()); got != 3 {
		t.Errorf("static group has %d offsets, want 3", got)
	}
	stable := groups["groups-golden-dynamic"]
	if d := stable.Describe(); d.State != "Stable" || d.Protocol != "cooperative-sticky" || len(d.Members) == 0 ||
		len(d.Members[0].Assignment) == 0 {
		t.Errorf("dynamic group = %+v, want Stable with assignments", d)
	}
	_, errs, err := stable.DeleteOffsets([]group.TopicPartition{{Topic: "groups-golden"}, {Topic: "other"}})
	if err != nil || !errors.Is(errs[0], fault.GroupSubscribedToTopic) || errs[1] != nil {
		t.Errorf("the members' subscription was not understood: %v, %v", errs, err)
	}
	if stable.Wake().IsZero() {
		t.Error("restored members have no session time-out")
	}
	if deleted := groups["groups-golden-dynamic2"]; !deleted.Vacant() {
		t.Errorf("deleted group is still there: %+v", deleted.Describe())
	}
	simple := groups["groups-golden-simple-é"]
	if o, ok := simple.Offset(group.TopicPartition{Topic: "groups-golden", Partition: 1}); !ok || o.Offset != 7 ||
		o.Metadata != "käse" || o.TopicID.IsZero() {
		t.Errorf("simple group's offset = %+v, %t", o, ok)
	}
	expiring, _ := groups["groups-golden-expiring"].Offset(group.TopicPartition{Topic: "groups-golden", Partition: 0})
	if expiring.ExpireTime-expiring.CommitTime != time.Hour.Milliseconds() {
		t.Errorf("expiring offset = %+v, want an hour's retention", expiring)
	}
}

func TestOlderAndForeignRecords(t *testing.T) {
	key := group.OffsetRecord{Group: "g", TopicPartition: group.TopicPartition{Topic: "t", Partition: 3}}.Key()
	v3 := []byte{0, 3, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 1, 'm', 0, 0, 0, 0, 0, 0, 0, 5}
	r, err := group.Decode(key, v3)
	want := group.OffsetRecord{
		Group: "g", TopicPartition: group.TopicPartition{Topic: "t", Partition: 3},
		Offset: &group.Offset{Offset: 9, LeaderEpoch: 2, Metadata: "m", CommitTime: 5, ExpireTime: -1},
	}
	if diff := cmp.Diff(want, r); err != nil || diff != "" {
		t.Errorf("version 3 of an offset: %v %s", err, diff)
	}
	for version := range int16(16) {
		if version <= 2 {
			continue
		}
		if _, err := group.Decode([]byte{0, byte(version), 0, 1, 'g'}, nil); !errors.Is(err, group.ErrForeignRecord) {
			t.Errorf("key version %d: %v, want ErrForeignRecord", version, err)
		}
	}
	if _, err := group.Decode(key, []byte{0, 5, 0}); err == nil || errors.Is(err, group.ErrForeignRecord) {
		t.Errorf("an unknown value version: %v, want an error of its own", err)
	}
	for n := range v3 {
		if _, err := group.Decode(key, v3[:n]); err == nil {
			t.Errorf("an offset cut after %d bytes was read", n)
		}
	}
}

func FuzzDecode(f *testing.F) { // what decodes is what its encoding decodes to
	for _, c := range kafkasRecords(f) {
		key, value := c.bytes(f)
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		r, err := group.Decode(key, value)
		if err != nil {
			return
		}
		again, err := group.Decode(r.Key(), r.Value())
		if err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzSubscription(f *testing.F) { // never panics, never more topics than bytes
	f.Add([]byte{0, 1, 0, 0, 0, 1, 0, 1, 't', 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, in []byte) {
		topics, ok := group.SubscribedTopics(in)
		if ok && 2*len(topics) > len(in) {
			t.Fatalf("%d topics in %d bytes", len(topics), len(in))
		}
	})
}
