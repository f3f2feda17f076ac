package replication

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// fetchVersion names topics by their ids and the follower with its epoch (KIP-516, KIP-903).
const fetchVersion = 17

// session is the follower's side of an incremental fetch session (KIP-227). The zero session is none.
type session struct {
	id    int32
	epoch int32
	sent  map[name]ports.ReplicaFetchPartition // the wanted partitions as the leader knows them
}

// name is a partition's within a session.
type name struct {
	topic     metadata.TopicID
	partition int32
}

func nameOf(p *ports.ReplicaFetchPartition) name { return name{p.TopicID, p.Partition} }

// Fetch implements ports.ReplicaFetcher by Kafka's Fetch, in an incremental session: partitions that have not changed
// are not named again.
func (p *Peers) Fetch(ctx context.Context, node int32, want ports.ReplicaFetch) ([]ports.ReplicaFetched, error) {
	l := p.on(p.feeds, node)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := p.connect(ctx, l, node); err != nil {
		return nil, err
	}
	answer, err := p.ask(ctx, l, node, p.request(&l.session, want))
	if err != nil {
		return nil, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := faultOf(resp.ErrorCode); err != nil {
		l.session = session{}
		if errors.Is(err, fault.FetchSessionIDNotFound) || errors.Is(err, fault.InvalidFetchSessionEpoch) {
			return nil, nil // the next fetch begins another session
		}
		return nil, p.distrusted(ctx, node, err)
	}
	l.session.answered(resp.SessionID, want)
	return fetched(resp), nil
}

// request returns the request that names the partitions that have changed.
func (p *Peers) request(s *session, want ports.ReplicaFetch) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version = fetchVersion
	req.ReplicaState.ID, req.ReplicaState.Epoch = p.settings.NodeID, want.BrokerEpoch
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(want.MaxWait.Milliseconds()), want.MinBytes, want.MaxBytes
	req.SessionID, req.SessionEpoch = s.id, s.epoch
	forgotten := make(map[name]bool, len(s.sent))
	for at := range s.sent {
		forgotten[at] = true
	}
	sorted := slices.SortedFunc(slices.Values(want.Partitions), func(a, b ports.ReplicaFetchPartition) int {
		return bytes.Compare(a.TopicID[:], b.TopicID[:])
	})
	for i := range sorted {
		at := &sorted[i]
		delete(forgotten, nameOf(at))
		if sent, ok := s.sent[nameOf(at)]; ok && sent == *at {
			continue
		}
		if n := len(req.Topics); n == 0 || req.Topics[n-1].TopicID != at.TopicID {
			topic := kmsg.NewFetchRequestTopic()
			topic.TopicID = at.TopicID
			req.Topics = append(req.Topics, topic)
		}
		part := kmsg.NewFetchRequestTopicPartition()
		part.Partition = at.Partition
		part.FetchOffset = at.Offset
		part.LogStartOffset = at.LogStart
		part.PartitionMaxBytes = at.MaxBytes
		part.CurrentLeaderEpoch, part.LastFetchedEpoch = at.LeaderEpoch, at.LastEpoch
		topic := &req.Topics[len(req.Topics)-1]
		topic.Partitions = append(topic.Partitions, part)
	}
	for at := range forgotten {
		topic := kmsg.NewFetchRequestForgottenTopic()
		topic.TopicID, topic.Partitions = at.topic, []int32{at.partition}
		req.ForgottenTopics = append(req.ForgottenTopics, topic)
	}
	return req
}

// answered records what the leader knows after its answer. A leader without room for a session answers with id 0: the
// next request names all partitions again.
func (s *session) answered(id int32, want ports.ReplicaFetch) {
	if id == 0 {
		*s = session{}
		return
	}
	s.id = id
	if s.epoch++; s.epoch < 0 { // past the largest comes 1
		s.epoch = 1
	}
	s.sent = make(map[name]ports.ReplicaFetchPartition, len(want.Partitions))
	for i := range want.Partitions {
		s.sent[nameOf(&want.Partitions[i])] = want.Partitions[i]
	}
}

// fetched returns the answers by partition. The records stay in the answer's buffer, which is not used otherwise.
func fetched(resp *kmsg.FetchResponse) []ports.ReplicaFetched {
	var all []ports.ReplicaFetched
	for i := range resp.Topics {
		topic := &resp.Topics[i]
		for j := range topic.Partitions {
			at := &topic.Partitions[j]
			got := ports.ReplicaFetched{
				TopicID: topic.TopicID, Partition: at.Partition, Err: faultOf(at.ErrorCode),
				HighWatermark: at.HighWatermark, LogStart: at.LogStartOffset, Records: at.RecordBatches,
			}
			if d := at.DivergingEpoch; d.EndOffset >= 0 {
				got.Diverging, got.DivergingEpoch, got.DivergingEnd = true, d.Epoch, d.EndOffset
			}
			all = append(all, got)
		}
	}
	return all
}
