package kafkaproto

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestWhatClientsChangeIsLogged(t *testing.T) {
	s := start(t, newFakes(t))
	c := s.dial(t)
	for _, validateOnly := range []bool{true, false} {
		create := kmsg.NewPtrCreateTopicsRequest()
		create.SetVersion(7)
		create.ValidateOnly = validateOnly
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "new", 3, -1
		create.Topics = append(create.Topics, topic)
		ask[*kmsg.CreateTopicsResponse](c, create)

		grow := kmsg.NewPtrCreatePartitionsRequest()
		grow.SetVersion(3)
		grow.ValidateOnly = validateOnly
		grow.Topics = append(grow.Topics, kmsg.CreatePartitionsRequestTopic{Topic: "orders", Count: 7})
		ask[*kmsg.CreatePartitionsResponse](c, grow)

		alter := kmsg.NewPtrIncrementalAlterConfigsRequest()
		alter.SetVersion(1)
		alter.ValidateOnly = validateOnly
		alter.Resources = append(alter.Resources, kmsg.IncrementalAlterConfigsRequestResource{
			ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "orders",
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{
				{Name: "retention.ms", Value: kmsg.StringPtr("86400000")},
			},
		})
		ask[*kmsg.IncrementalAlterConfigsResponse](c, alter)
	}
	remove := kmsg.NewPtrDeleteTopicsRequest()
	remove.SetVersion(6)
	remove.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: kmsg.StringPtr("orders")}, {Topic: kmsg.StringPtr("missing")}}
	ask[*kmsg.DeleteTopicsResponse](c, remove)

	for _, line := range []string{
		"INFO topic created topic=new", "INFO partitions created topic=orders partitions=7",
		"INFO configs changed resource=topic name=orders configs=[retention.ms]", "INFO topic deleted topic=orders",
	} {
		if n := s.log.count(line); n != 1 {
			t.Errorf("%d lines begin with %q, want 1:\n%v", n, line, s.log.lines)
		}
	}
	for _, text := range []string{"topic deleted topic=missing", "86400000"} {
		if s.log.count(text) > 0 {
			t.Errorf("%q is logged", text)
		}
	}
}
