package chroniktest

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestAFailedResponseIsAboutWhatWasAskedFor(t *testing.T) {
	code := kerr.NotLeaderForPartition.Code
	produce := kmsg.NewPtrProduceRequest()
	produce.Topics = []kmsg.ProduceRequestTopic{{
		Topic: "orders", TopicID: [16]byte{1},
		Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: 3, Records: []byte("r")}, {Partition: 4}},
	}}
	produced := failed(produce, kerr.NotLeaderForPartition).(*kmsg.ProduceResponse)
	if diff := cmp.Diff([]kmsg.ProduceResponseTopic{{
		Topic: "orders", TopicID: [16]byte{1}, Partitions: []kmsg.ProduceResponseTopicPartition{
			defaultOf(kmsg.NewProduceResponseTopicPartition,
				func(p *kmsg.ProduceResponseTopicPartition) { p.Partition, p.ErrorCode = 3, code }),
			defaultOf(kmsg.NewProduceResponseTopicPartition,
				func(p *kmsg.ProduceResponseTopicPartition) { p.Partition, p.ErrorCode = 4, code }),
		},
	}}, produced.Topics, cmpopts.IgnoreTypes(kmsg.Tags{})); diff != "" {
		t.Errorf("Produce (-want +got):\n%s", diff)
	}

	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKeys = []string{"g", "h"}
	found := failed(find, kerr.NotLeaderForPartition).(*kmsg.FindCoordinatorResponse)
	if len(found.Coordinators) != 2 || found.Coordinators[1].Key != "h" || found.Coordinators[1].ErrorCode != code ||
		found.ErrorCode != 0 {
		t.Errorf("FindCoordinator: %+v", found)
	}
	find.CoordinatorKeys, find.CoordinatorKey = nil, "g"
	if found := failed(find, kerr.NotLeaderForPartition).(*kmsg.FindCoordinatorResponse); found.ErrorCode != code {
		t.Errorf("FindCoordinator of one: %+v", found)
	}

	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.TopicNames = []string{"orders"}
	removed := failed(remove, kerr.NotLeaderForPartition).(*kmsg.DeleteTopicsResponse)
	if len(removed.Topics) != 1 || *removed.Topics[0].Topic != "orders" || removed.Topics[0].ErrorCode != code {
		t.Errorf("DeleteTopics: %+v", removed)
	}

	describe := kmsg.NewPtrDescribeConfigsRequest()
	describe.Resources = []kmsg.DescribeConfigsRequestResource{
		{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "orders"},
	}
	described := failed(describe, kerr.NotLeaderForPartition).(*kmsg.DescribeConfigsResponse)
	if r := described.Resources; len(r) != 1 || r[0].ResourceName != "orders" ||
		r[0].ResourceType != kmsg.ConfigResourceTypeTopic || r[0].ErrorCode != code {
		t.Errorf("DescribeConfigs: %+v", described)
	}
}

// defaultOf returns a part of a response with the defaults of the protocol, and what set sets.
func defaultOf[P any](part func() P, set func(*P)) P {
	p := part()
	set(&p)
	return p
}

// TestEveryResponseCanFail sends requests with an element in every list, for every API that has error codes.
func TestEveryResponseCanFail(t *testing.T) {
	for key := range kmsg.MaxKey + 1 {
		req := kmsg.RequestForKey(int16(key))
		if req == nil || !tellsErrors(reflect.TypeOf(req.ResponseKind()).Elem()) {
			continue
		}
		if req.Key() == kmsg.AlterReplicaLogDirs.Int16() {
			continue // its response lists by topics what the request lists by directories
		}
		req.SetVersion(req.MaxVersion())
		fill(reflect.ValueOf(req).Elem())
		if codes := codesIn(reflect.ValueOf(failed(req, kerr.InvalidRequest)).Elem()); codes == 0 {
			t.Errorf("%s: no error in %+v", kmsg.NameForKey(int16(key)), failed(req, kerr.InvalidRequest))
		}
	}
}

// fill puts an element into every list.
func fill(v reflect.Value) {
	for _, list := range v.Fields() {
		if list.Kind() != reflect.Slice || list.Type().Elem().Kind() == reflect.Uint8 || !list.CanSet() {
			continue
		}
		element := reflect.New(list.Type().Elem()).Elem()
		if element.Kind() == reflect.Struct {
			fill(element)
		}
		list.Set(reflect.Append(list, element))
	}
}

// codesIn counts the error codes that are set.
func codesIn(v reflect.Value) (n int) {
	for field, f := range v.Fields() {
		switch {
		case strings.HasSuffix(field.Name, errorCode) && f.Int() != 0:
			n++
		case isList(f.Type()):
			for k := range f.Len() {
				n += codesIn(f.Index(k))
			}
		}
	}
	return n
}
