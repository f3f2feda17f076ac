package metadata

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// spreads are the differences in replicas between the fullest and the emptiest broker when Apache Kafka 4.4.0 has
// placed a topic: the best of 200 of its placements, which are random.
var spreads = []struct {
	racks             string // of each broker
	replicationFactor int16
	partitions        int32
	spread            int
}{
	{",,", 2, 8, 1},
	{",,", 2, 9, 0},
	{",,", 2, 60, 0},
	{",,", 3, 8, 0},
	{",,", 3, 9, 0},
	{",,", 3, 60, 0},
	{"a,a,b,b", 2, 8, 0},
	{"a,a,b,b", 2, 9, 1},
	{"a,a,b,b", 2, 60, 0},
	{"a,a,b,b", 3, 8, 0},
	{"a,a,b,b", 3, 9, 1},
	{"a,a,b,b", 3, 60, 2},
	{"a,a,b,b", 4, 8, 0},
	{"a,a,b,b", 4, 9, 0},
	{"a,a,b,b", 4, 60, 0},
	{"a,b,b,a", 2, 8, 0},
	{"a,b,b,a", 2, 9, 1},
	{"a,b,b,a", 2, 60, 0},
	{"a,b,b,a", 3, 8, 0},
	{"a,b,b,a", 3, 9, 1},
	{"a,b,b,a", 3, 60, 2},
	{"a,b,b,a", 4, 8, 0},
	{"a,b,b,a", 4, 9, 0},
	{"a,b,b,a", 4, 60, 0},
	{"a,a,b,b,c,c", 2, 8, 1},
	{"a,a,b,b,c,c", 2, 9, 0},
	{"a,a,b,b,c,c", 2, 60, 0},
	{"a,a,b,b,c,c", 3, 8, 0},
	{"a,a,b,b,c,c", 3, 9, 1},
	{"a,a,b,b,c,c", 3, 60, 0},
	{"a,a,b,b,c,c", 4, 8, 1},
	{"a,a,b,b,c,c", 4, 9, 2},
	{"a,a,b,b,c,c", 4, 60, 0},
	{"a,a,a,b", 2, 8, 6},
	{"a,a,a,b", 2, 9, 6},
	{"a,a,a,b", 2, 60, 40},
	{"a,a,a,b", 3, 8, 3},
	{"a,a,a,b", 3, 9, 3},
	{"a,a,a,b", 3, 60, 20},
	{"a,a,a,b", 4, 8, 0},
	{"a,a,a,b", 4, 9, 0},
	{"a,a,a,b", 4, 60, 0},
	{"a,b,b,b,c", 2, 8, 3},
	{"a,b,b,b,c", 2, 9, 4},
	{"a,b,b,b,c", 2, 60, 25},
	{"a,b,b,b,c", 3, 8, 6},
	{"a,b,b,b,c", 3, 9, 6},
	{"a,b,b,b,c", 3, 60, 40},
	{"a,b,b,b,c", 4, 8, 3},
	{"a,b,b,b,c", 4, 9, 3},
	{"a,b,b,b,c", 4, 60, 20},
	{"a,a,b,c", 2, 8, 2},
	{"a,a,b,c", 2, 9, 3},
	{"a,a,b,c", 2, 60, 17},
	{"a,a,b,c", 3, 8, 4},
	{"a,a,b,c", 3, 9, 5},
	{"a,a,b,c", 3, 60, 30},
	{"a,a,b,c", 4, 8, 0},
	{"a,a,b,c", 4, 9, 0},
	{"a,a,b,c", 4, 60, 0},
	{",,,,", 2, 8, 2},
	{",,,,", 2, 9, 1},
	{",,,,", 2, 60, 0},
	{",,,,", 3, 8, 2},
	{",,,,", 3, 9, 1},
	{",,,,", 3, 60, 0},
	{",,,,", 4, 8, 1},
	{",,,,", 4, 9, 1},
	{",,,,", 4, 60, 0},
}

func TestReplicasAreSpreadAtLeastAsEvenlyAsByApacheKafka(t *testing.T) {
	for _, c := range spreads {
		t.Run(fmt.Sprintf("%d partitions with %d replicas on racks %s", c.partitions, c.replicationFactor, c.racks),
			func(t *testing.T) {
				img, racks := new(Image), strings.Split(c.racks, ",")
				for id, rack := range racks {
					img = applied(t, img, RegisterBroker{ID: int32(id), Rack: rack})
				}
				img = applied(t, img,
					CreateTopic{
						Name: "t", ID: TopicID{1}, Partitions: c.partitions, ReplicationFactor: c.replicationFactor,
					})
				if leads, holds := spreadOf(img, "t", len(racks)); holds > c.spread || leads > 1 {
					t.Errorf("brokers differ by %d replicas and %d leaderships, in Kafka by %d replicas", holds,
						leads, c.spread)
				}
			})
	}
}

// With even racks, a topic that has grown is as even as one that was created with that size.
func TestPartitionsThatAreAddedKeepATopicEven(t *testing.T) {
	for _, racks := range [][]string{
		{"", "", ""},
		{"", "", "", "", ""},
		{"a", "a", "b", "b"},
		{"a", "b", "b", "a"},
		{"a", "a", "b", "b", "c", "c"},
	} {
		for rf := 1; rf <= 3; rf++ {
			img := new(Image)
			for id, rack := range racks {
				img = applied(t, img, RegisterBroker{ID: int32(id), Rack: rack})
			}
			img = applied(t, img, CreateTopic{Name: "other", ID: TopicID{2}, Partitions: 7, ReplicationFactor: 1})
			img = applied(t, img, CreateTopic{Name: "t", ID: TopicID{1}, Partitions: 1, ReplicationFactor: int16(rf)})
			for count := int32(2); count <= 40; count++ {
				img = applied(t, img, CreatePartitions{Topic: "t", Count: count})
				if leads, holds := spreadOf(img, "t", len(racks)); leads > 1 || holds > 1 {
					t.Errorf("racks %q, %d replicas, grown to %d: brokers differ by %d replicas and %d leaderships",
						racks, rf, count, holds, leads)
				}
			}
		}
	}
}

func applied(t *testing.T, img *Image, cmd Command) *Image {
	t.Helper()
	next, _, err := Apply(img, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// spreadOf returns the largest differences between brokers 0 to n-1 in leaderships and replicas of a topic.
func spreadOf(img *Image, topic string, n int) (leads, holds int) {
	ofLeads, ofHolds := make([]int, n), make([]int, n)
	t, _ := img.Topic(topic)
	for _, p := range t.Partitions {
		ofLeads[p.Replicas[0]]++
		for _, id := range p.Replicas {
			ofHolds[id]++
		}
	}
	return slices.Max(ofLeads) - slices.Min(ofLeads), slices.Max(ofHolds) - slices.Min(ofHolds)
}
