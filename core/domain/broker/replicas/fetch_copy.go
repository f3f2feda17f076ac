package replicas

import "github.com/chronik-stream/chronik/core/domain/fault"

// rackAware is the replica.selector.class with which consumers read from a replica in their own rack.
const rackAware = "org.apache.kafka.common.replica.RackAwareReplicaSelector"

// anywhere reports whether the request comes from a consumer that may read from followers.
func (r *FetchRequest) anywhere() bool { return r.Follower == nil && r.FromFollowers }

// nearest returns the follower that a consumer of this leader should read from, -1 for none. As in Kafka, it is only
// sought when the leader is not in the consumer's rack. It must be in that rack, be in sync and have the offset; of
// several, the one with the highest known end is taken.
func (f *Fetch) nearest(p *Partition, req *FetchRequest, want *wantedPartition) int32 {
	if !f.byRack || !req.anywhere() || req.Rack == "" {
		return -1
	}
	img := f.partitions.store.Image()
	near := func(id int32) bool {
		b, ok := img.Broker(id)
		return ok && b.Active() && b.Rack == req.Rack
	}
	if near(f.partitions.nodeID) {
		return -1
	}
	nearest, most := int32(-1), int64(-1)
	for _, id := range want.topic.Partitions[want.ask.Partition].Replicas {
		if !near(id) {
			continue
		}
		if end, ok := p.serves(id, want.ask.Offset); ok && (end > most || end == most && id > nearest) {
			nearest, most = id, end
		}
	}
	return nearest
}

// readCopy answers a consumer from a follower with what is known to be committed. An offset above the follower's end
// may exist on the leader, so it is not out of range: the consumer waits, or asks the leader.
func readCopy(p *Partition, v *view, want *wantedPartition, got *FetchedPartition, room share) {
	ask, upTo := &want.ask, v.highWatermark
	err := v.checkEpoch(ask.CurrentLeaderEpoch)
	if err == nil {
		err = v.withheld
	}
	switch {
	case err != nil:
		want.partition = nil // the next fetch looks it up again
		got.Err, got.Leader = err, v.leaderHint()
		return
	case ask.Offset < v.start:
		got.Err = fault.New(fault.OffsetOutOfRange, "offset %d of %s-%d is below %d", ask.Offset, v.topic, v.index, v.start)
		return
	case ask.Offset > v.end:
		got.Err = fault.New(fault.OffsetNotAvailable, "this follower of %s-%d does not have offset %d yet", v.topic, v.index,
			ask.Offset)
		return
	}
	want.seen = upTo
	if ask.Offset <= upTo {
		if got.Diverging, got.Err = v.diverging(ask); got.Err != nil {
			return
		}
	}
	if got.Diverging == nil {
		if got.Records, got.Err = slice(p, ask.Offset, upTo, room); got.Err != nil {
			return
		}
	}
	got.HighWatermark, got.LastStableOffset, got.LogStartOffset = upTo, upTo, v.start
}
