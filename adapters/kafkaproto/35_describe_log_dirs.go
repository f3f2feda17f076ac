package kafkaproto

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// DescribeLogDirs: v1-5.
//
// * v3: an error of the whole request; v4: total and usable bytes (KIP-827); v5: cordoned directories (KIP-1066)

func (x *exchange) describeLogDirs(req *kmsg.DescribeLogDirsRequest) *kmsg.DescribeLogDirsResponse {
	resp := kmsg.NewPtrDescribeLogDirsResponse()
	if err := x.reserveFor(x.services().Metadata.Image()); err != nil {
		resp.ErrorCode = x.code(err)
		return resp
	}
	asked := make(map[partitionName]bool)
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			asked[partitionName{t.Topic, p}] = true
		}
	}
	dir, logs, err := x.services().Partitions.LogDir(x.ctx, func(topic string, partition int32) bool {
		// see Image.ListedTopics
		return req.Topics == nil && topic != metadata.MetaTopic || asked[partitionName{topic, partition}]
	})
	out := kmsg.NewDescribeLogDirsResponseDir()
	out.Dir, out.TotalBytes, out.UsableBytes = dir.Path, dir.Total, dir.Usable
	if out.ErrorCode = x.code(err); err != nil && !errors.Is(err, fault.KafkaStorageError) {
		resp.ErrorCode = out.ErrorCode
		return resp
	}
	slices.SortFunc(logs, func(a, b ports.LogUsage) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	for _, l := range logs {
		if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != l.Topic {
			topic := kmsg.NewDescribeLogDirsResponseDirTopic()
			topic.Topic = l.Topic
			out.Topics = append(out.Topics, topic)
		}
		at := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		at.Partition, at.Size = l.Partition, l.Size
		topic := &out.Topics[len(out.Topics)-1]
		topic.Partitions = append(topic.Partitions, at)
	}
	resp.Dirs = append(resp.Dirs, out)
	return resp
}
