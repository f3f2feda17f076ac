package metadata

import (
	"errors"
	"slices"
	"testing"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// viewed is an image with brokers 1 to 4, of which 3 is fenced and 4 has no listener but INSIDE. The topic t has a
// partition led by each of them, and one without a leader.
func viewed(t *testing.T) *Image {
	t.Helper()
	img := new(Image)
	apply := func(cmd Command) {
		t.Helper()
		next, _, err := Apply(img, cmd)
		if err != nil {
			t.Fatal(err)
		}
		img = next
	}
	for id := int32(1); id <= 4; id++ {
		endpoints := []Endpoint{
			{Listener: "INSIDE", Host: "in", Port: id}, {Listener: "OUTSIDE", Host: "out", Port: id},
		}
		if id == 4 {
			endpoints = endpoints[:1]
		}
		apply(RegisterBroker{ID: id, Incarnation: [16]byte{byte(id)}, Endpoints: endpoints})
	}
	apply(CreateTopic{
		Name: "t", ID: TopicID{7}, Partitions: -1, ReplicationFactor: -1, Assignments: [][]int32{{1}, {2}, {3}, {4}},
	})
	b, _ := img.Broker(3)
	apply(FenceBroker{ID: 3, Epoch: b.Epoch})
	return img
}

func TestAClientSeesTheLeadersThatItCanReach(t *testing.T) {
	img := viewed(t)
	topic, _ := img.Topic("t")
	for _, c := range []struct {
		listener string
		self     int32
		alive    []int32
		errs     [4]error // of the partitions' leaders
	}{
		{"INSIDE", 1, []int32{1, 2, 4}, [4]error{2: fault.LeaderNotAvailable}},
		{"OUTSIDE", 1, []int32{1, 2}, [4]error{2: fault.LeaderNotAvailable, 3: fault.ListenerNotFound}},
		{"OUTSIDE", 4, []int32{1, 2, 4}, [4]error{2: fault.LeaderNotAvailable}},
		{
			"OTHER", 2,
			[]int32{2},
			[4]error{0: fault.ListenerNotFound, 2: fault.LeaderNotAvailable, 3: fault.ListenerNotFound},
		},
	} {
		v := ViewOf(img, c.listener, c.self)
		all := []int32{1, 2, 3, 4}
		offline := v.Offline(all)
		for _, id := range all {
			if v.Alive(id) != slices.Contains(c.alive, id) || v.Alive(id) == slices.Contains(offline, id) {
				t.Errorf("%s at broker %d: broker %d is alive: %t; offline: %v", c.listener, c.self, id,
					v.Alive(id), offline)
			}
		}
		for i := range topic.Partitions {
			p := &topic.Partitions[i]
			leader, err := v.Leader(p)
			if !errors.Is(err, c.errs[i]) || err == nil && leader != p.Leader || err != nil && leader != -1 {
				t.Errorf("%s at broker %d: partition %d is led by %d, %v", c.listener, c.self, i, leader, err)
			}
		}
	}
	if got := ViewOf(img, "INSIDE", 1).Offline(nil); got == nil || len(got) != 0 {
		t.Errorf("of no replicas are offline: %v", got)
	}
}

func TestATopicIsResolvedAsTheVersionHasIt(t *testing.T) {
	v := ViewOf(viewed(t), "INSIDE", 1)
	for _, c := range []struct {
		name string
		id   TopicID
		byID bool
		want error
	}{
		{"t", TopicID{}, false, nil},
		{"", TopicID{7}, true, nil},
		{"t", TopicID{}, true, fault.UnknownTopicID},
		{"t", TopicID{8}, true, fault.UnknownTopicID},
		{"u", TopicID{7}, false, fault.UnknownTopicOrPartition},
	} {
		topic, err := v.Resolve(c.name, c.id, c.byID)
		if !errors.Is(err, c.want) || (err == nil) != (topic != nil && topic.Name == "t") {
			t.Errorf("Resolve(%q, %v, %t) = %+v, %v", c.name, c.id, c.byID, topic, err)
		}
	}
	topic, _ := v.Topic("t")
	for partition, want := range map[int32]bool{-1: false, 0: true, 3: true, 4: false} {
		if topic.Has(partition) != want {
			t.Errorf("Has(%d) = %t", partition, !want)
		}
	}
}
