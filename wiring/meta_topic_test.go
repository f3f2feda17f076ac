package wiring

import (
	"io"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// Tools that count, describe or delete all topics must see the topics of users only, as with Kafka and its
// __cluster_metadata.
func TestTheMetaTopicIsShownOnlyToClientsThatNameIt(t *testing.T) {
	cl := client(t, start(t, config(t, t.TempDir()), io.Discard))
	name := metadata.MetaTopic

	all := kmsg.NewPtrMetadataRequest()
	if resp, err := all.RequestWith(t.Context(), cl); err != nil || len(resp.Topics) != 0 {
		t.Errorf("all topics: %+v, %v", resp, err)
	}
	all.Topics = []kmsg.MetadataRequestTopic{{Topic: &name}}
	if resp, err := all.RequestWith(t.Context(), cl); err != nil || resp.Topics[0].ErrorCode != 0 ||
		!resp.Topics[0].IsInternal || len(resp.Topics[0].Partitions) != 1 {
		t.Errorf("the topic by its name: %+v, %v", resp, err)
	}

	pages := kmsg.NewPtrDescribeTopicPartitionsRequest()
	if resp, err := pages.RequestWith(t.Context(), cl); err != nil || len(resp.Topics) != 0 {
		t.Errorf("pages of all topics: %+v, %v", resp, err)
	}
	pages.Topics = []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: name}}
	if resp, err := pages.RequestWith(t.Context(), cl); err != nil || resp.Topics[0].ErrorCode != 0 {
		t.Errorf("a page of the topic: %+v, %v", resp, err)
	}

	resources := kmsg.NewPtrListConfigResourcesRequest()
	resources.ResourceTypes = []int8{int8(kmsg.ConfigResourceTypeTopic)}
	if resp, err := resources.RequestWith(t.Context(), cl); err != nil || len(resp.ConfigResources) != 0 {
		t.Errorf("topics with configs: %+v, %v", resp, err)
	}
	configs := kmsg.NewPtrDescribeConfigsRequest()
	configs.Resources = []kmsg.DescribeConfigsRequestResource{
		{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: name},
	}
	if resp, err := configs.RequestWith(t.Context(), cl); err != nil || len(resp.Resources[0].Configs) == 0 {
		t.Errorf("the topic's configs: %+v, %v", resp, err)
	}

	dirs := kmsg.NewPtrDescribeLogDirsRequest()
	if resp, err := dirs.RequestWith(t.Context(), cl); err != nil || len(resp.Dirs[0].Topics) != 0 {
		t.Errorf("logs of all topics: %+v, %v", resp, err)
	}
	dirs.Topics = []kmsg.DescribeLogDirsRequestTopic{{Topic: name, Partitions: []int32{0}}}
	if resp, err := dirs.RequestWith(t.Context(), cl); err != nil || len(resp.Dirs[0].Topics) != 1 {
		t.Errorf("the topic's log: %+v, %v", resp, err)
	}

	if resp, err := kmsg.NewPtrElectLeadersRequest().RequestWith(t.Context(), cl); err != nil || len(resp.Topics) != 0 {
		t.Errorf("elections of all topics: %+v, %v", resp, err)
	}
}
