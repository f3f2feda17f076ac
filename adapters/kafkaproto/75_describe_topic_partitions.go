package kafkaproto

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// DescribeTopicPartitions: v0 (KIP-966). Topics are described in the order of their names, a limited number of
// partitions at a time; a cursor marks the beginning of the next page.

func (x *exchange) describeTopicPartitions(
	req *kmsg.DescribeTopicPartitionsRequest,
) *kmsg.DescribeTopicPartitionsResponse {
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	var names []string
	for _, t := range req.Topics {
		names = append(names, t.Topic)
	}
	all := len(names) == 0
	begin, first := "", int32(0)
	if c := req.Cursor; c != nil {
		begin, first = c.Topic, c.Partition
		var err error
		switch {
		case !all && !slices.Contains(names, begin):
			err = fault.New(fault.InvalidRequest,
				"DescribeTopicPartitionsRequest topic list should contain the cursor topic: %s", begin)
		case first < 0:
			err = fault.New(fault.InvalidRequest, "DescribeTopicPartitionsRequest cursor partition must be valid: %d", first)
		}
		if err != nil {
			return x.refuseTopicPartitions(names, err)
		}
	}
	most := x.services().Configs.Int("max.request.partition.size.limit")
	page := topicPage{x: x, img: x.view(), resp: resp, left: int(max(min(most, int64(req.ResponsePartitionLimit)), 1))}
	if err := x.reserve(page.left * partitionFootprint); err != nil {
		return x.refuseTopicPartitions(names, err)
	}
	if all {
		for t := range page.img.ListedTopics(begin) {
			if !page.add(t.Name, t, firstOf(t.Name, begin, first)) {
				break
			}
		}
		return resp
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if name < begin {
			continue
		}
		t, _ := page.img.Topic(name)
		if !page.add(name, t, firstOf(name, begin, first)) {
			break
		}
	}
	return resp
}

func firstOf(name, cursor string, partition int32) int {
	if name == cursor {
		return int(partition)
	}
	return 0
}

// topicPage is an answer under construction, with room for left more partitions.
type topicPage struct {
	x    *exchange
	img  *metadata.View
	resp *kmsg.DescribeTopicPartitionsResponse
	left int
}

// add describes a topic, nil for a missing one, from partition first on. When the page is full, it sets the cursor and
// returns false.
func (p *topicPage) add(name string, t *metadata.Topic, first int) bool {
	if p.left == 0 {
		p.end(name, 0)
		return false
	}
	out := kmsg.NewDescribeTopicPartitionsResponseTopic()
	out.Topic, out.IsInternal, out.AuthorizedOperations = &name, metadata.IsInternal(name), topicOperations()
	if t == nil {
		err := metadata.ValidateTopicName(name)
		if err == nil {
			err = fault.UnknownTopicOrPartition
		}
		out.ErrorCode = p.x.code(err)
		p.resp.Topics = append(p.resp.Topics, out)
		return true
	}
	out.TopicID = t.ID
	end := min(len(t.Partitions), first+p.left)
	for i := min(first, end); i < end; i++ {
		out.Partitions = append(out.Partitions, p.partition(t, i))
		p.left--
	}
	p.resp.Topics = append(p.resp.Topics, out)
	if end < len(t.Partitions) {
		p.end(name, int32(end))
		return false
	}
	return true
}

func (p *topicPage) partition(t *metadata.Topic, i int) kmsg.DescribeTopicPartitionsResponseTopicPartition {
	from := &t.Partitions[i]
	at := kmsg.NewDescribeTopicPartitionsResponseTopicPartition()
	leader, err := p.img.Leader(from)
	at.ErrorCode = p.x.code(err)
	at.Partition, at.LeaderID, at.LeaderEpoch = int32(i), leader, from.LeaderEpoch
	at.Replicas, at.ISR = from.Replicas, from.ISR
	at.EligibleLeaderReplicas, at.LastKnownELR = []int32{}, []int32{}
	at.OfflineReplicas = p.img.Offline(from.Replicas)
	return at
}

// end sets the cursor.
func (p *topicPage) end(topic string, partition int32) {
	next := kmsg.NewDescribeTopicPartitionsResponseNextCursor()
	next.Topic, next.Partition = topic, partition
	p.resp.NextCursor = &next
}

// refuseTopicPartitions answers every topic with err: the answer has no place for an error of the whole request.
func (x *exchange) refuseTopicPartitions(names []string, err error) *kmsg.DescribeTopicPartitionsResponse {
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	for _, name := range names {
		out := kmsg.NewDescribeTopicPartitionsResponseTopic()
		out.Topic, out.ErrorCode = &name, x.code(err)
		resp.Topics = append(resp.Topics, out)
	}
	return resp
}
