package replicas

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/partition"
	"github.com/chronik-stream/chronik/core/ports"
)

// FetchRequest is one Fetch request of a consumer or of a follower.
type FetchRequest struct {
	Client        string // client id
	MaxWait       time.Duration
	MinBytes      int32
	MaxBytes      int32
	ReadCommitted bool
	SessionID     int32
	SessionEpoch  int32
	UsesTopicIDs  bool // else topics are named (KIP-516)
	Partitions    []FetchPartition
	Forgotten     []FetchTarget
	FromFollowers bool // a consumer may be sent to a follower, and may read from one (KIP-392)
	Rack          string
	Follower      *Follower // the broker that replicates; nil for a consumer
}

// Follower is the broker that a Fetch of a follower comes from.
type Follower struct {
	ID    int32
	Epoch int64 // of its registration (KIP-903), -1 when it names none
}

// FetchTarget names a partition in a Fetch: by id when the request uses topic ids, else by name.
type FetchTarget struct {
	Topic     string
	TopicID   metadata.TopicID
	Partition int32
}

// FetchPartition is what a Fetch asks of one partition.
type FetchPartition struct {
	FetchTarget
	Offset             int64
	MaxBytes           int32
	CurrentLeaderEpoch int32 // -1: not checked
	LastFetchedEpoch   int32 // -1: none (KIP-595)
	LogStartOffset     int64 // followers only
}

// FetchResponse answers a FetchRequest. Release it after it was sent.
type FetchResponse struct {
	Err        error
	SessionID  int32 // 0: no session
	Partitions []FetchedPartition
}

// FetchedPartition is one partition's share of a FetchResponse.
type FetchedPartition struct {
	FetchTarget
	Err                  error
	HighWatermark        int64 // -1 with an error
	LastStableOffset     int64
	LogStartOffset       int64
	PreferredReadReplica int32           // -1: none (KIP-392)
	Diverging            *EpochEndOffset // KIP-595
	Leader               *LeaderHint     // KIP-951
	Aborted              []AbortedTxn    // read_committed only; nil otherwise
	Records              ports.Slice
	counted              int // bytes that were counted against the replication quota
}

// EpochEndOffset is a leader epoch and the offset at which it ended.
type EpochEndOffset struct {
	Epoch     int32
	EndOffset int64
}

// AbortedTxn names an aborted transaction, whose records a read_committed consumer skips.
type AbortedTxn struct{ ProducerID, FirstOffset int64 }

// Release releases the files that the records are in.
func (r *FetchResponse) Release() {
	for i := range r.Partitions {
		r.Partitions[i].Records.Release()
	}
}

// Fetch is the service behind Kafka's Fetch.
type Fetch struct {
	partitions *Partitions
	configs    fetchConfigs
	sessions   *fetchSessions
	clock      ports.Clock
	byRack     bool              // consumers read from a replica in their own rack
	throttle   *replicationQuota // limits what followers that are not in sync get
}

// NewFetch returns the fetch service. Its sessions take at most memory bytes; when they are used up, a consumer fetches
// without a session. All arguments are required.
func NewFetch(partitions *Partitions, configs fetchConfigs, memory int64, clock ports.Clock) *Fetch {
	return &Fetch{
		partitions: partitions, configs: configs, sessions: newFetchSessions(memory, clock), clock: clock,
		byRack: configs.String("replica.selector.class") == rackAware, throttle: newReplicationQuota(configs, clock),
	}
}

// fetchConfigs is what fetches need of the configs; see brokerconfigs.Configs.
type fetchConfigs interface {
	Int(key string) int64
	String(key string) string
}

// Sessions returns the number of incremental fetch sessions that are kept.
func (f *Fetch) Sessions() int { return f.sessions.len() }

// Fetch answers at once when MinBytes are available, a partition has an error, or there is nothing to wait for: the
// request names no partition, or none that exists. Otherwise it answers when MinBytes are available or MaxWait has
// passed. It keeps the incremental fetch sessions of KIP-227.
func (f *Fetch) Fetch(ctx context.Context, req *FetchRequest) *FetchResponse {
	img := f.partitions.store.Image()
	round, err := f.sessions.begin(ctx, img, req, int(f.configs.Int("max.incremental.fetch.session.cache.slots")))
	if err != nil {
		return &FetchResponse{Err: err}
	}
	defer round.done()

	limit := int(min(req.MaxBytes, int32(f.configs.Int("fetch.max.bytes"))))
	resp := &FetchResponse{SessionID: round.id}
	total, urgent := f.readAll(ctx, req, round, resp, limit)
	if total < int(req.MinBytes) && !urgent && req.MaxWait > 0 {
		// A waiting consumer needs memory, of which there may be none. Followers always wait: they are few, and would ask
		// again at once.
		release, ok := func() {}, req.Follower != nil
		if !ok {
			release, ok = f.sessions.hold(round)
		}
		if ok {
			f.wait(ctx, req, round, resp, limit)
			release()
		}
	}
	round.omitKnown(resp)
	return resp
}

// wait reads again whenever one of the partitions has new records, until there are MinBytes or MaxWait has passed.
func (f *Fetch) wait(ctx context.Context, req *FetchRequest, round *fetchRound, resp *FetchResponse, limit int) {
	timeout := time.NewTimer(req.MaxWait)
	defer timeout.Stop()
	follower := int32(noFollower)
	if req.Follower != nil {
		follower = req.Follower.ID
	}
	for {
		w := newWaiter(follower, req.anywhere())
		var throttled *Partition
		for _, want := range round.wanted {
			p := want.partition
			switch {
			case p != nil && want.throttled:
				throttled = p
			case p != nil:
				p.subscribe(w, want.seen)
				// Records may have been deleted since the partition was read.
				if req.Follower != nil && p.log.StartOffset() > want.ask.LogStartOffset {
					w.notify()
				}
			}
		}
		due, stop := f.due(throttled)
		expired := false
		select {
		case <-w.wake:
		case <-due:
		case <-timeout.C:
			expired = true
		case <-ctx.Done():
			expired = true
		}
		stop()
		for _, want := range round.wanted {
			if want.partition != nil {
				want.partition.unsubscribe(w)
			}
		}
		if expired {
			return // resp holds what was read before
		}
		f.uncount(resp)
		resp.Release()
		total, urgent := f.readAll(ctx, req, round, resp, limit)
		if total >= int(req.MinBytes) || urgent {
			return
		}
	}
}

// readAll fills resp with what every wanted partition has now and returns the bytes found. urgent reports that the
// answer must not wait for MinBytes: it holds an error, a diverging epoch, a preferred read replica or (for followers)
// a new log start offset or high watermark; or a consumer has nothing to wait for.
//
// As in Kafka, a partition that does not exist does not make a consumer's answer urgent while others do exist: many
// clients would ask again at once. It is urgent for a follower, which asks again after a pause. Otherwise a new
// partition that this broker does not know yet would wait for the follower's other partitions.
func (f *Fetch) readAll(
	ctx context.Context, req *FetchRequest, round *fetchRound, resp *FetchResponse, limit int,
) (total int, urgent bool) {
	resp.Partitions, round.read = resp.Partitions[:0], round.read[:0]
	waitsFor := 0 // partitions
	for _, want := range round.wanted {
		existed := want.partition != nil
		var v view
		if existed && req.Follower == nil { // a follower's fetch is always processed, since it acknowledges records
			v = want.partition.view(want.ask.LastFetchedEpoch)
			if round.incremental && want.quiet(&v, req.ReadCommitted) {
				waitsFor++
				continue
			}
		}
		got := f.read(ctx, req, want, &v, share{maxBytes: min(int(want.ask.MaxBytes), limit-total), first: total == 0})
		total += got.Records.Size
		switch {
		case req.Follower == nil && !existed && unknown(got.Err):
		case got.Err != nil || got.Diverging != nil || got.PreferredReadReplica >= 0 ||
			req.Follower != nil && (got.LogStartOffset > want.ask.LogStartOffset || want.behind && f.byRack):
			urgent = true
		default:
			waitsFor++
		}
		resp.Partitions, round.read = append(resp.Partitions, got), append(round.read, want)
	}
	if req.Follower != nil {
		old, failed := f.catchUp(round, resp, total, limit)
		return total + old, urgent || failed
	}
	return total, urgent || waitsFor == 0
}

// unknown reports whether err says that a partition does not exist.
func unknown(err error) bool {
	return errors.Is(err, fault.UnknownTopicOrPartition) || errors.Is(err, fault.UnknownTopicID)
}

// share is how much of an answer a partition's records may take.
type share struct {
	maxBytes int
	first    bool // the answer has no records yet: one batch is returned, however large it is (KIP-74)
}

// read answers for one partition. v is its view if the partition was read before and a consumer asks; otherwise read
// fills it in.
func (f *Fetch) read(
	ctx context.Context, req *FetchRequest, want *wantedPartition, v *view, room share,
) FetchedPartition {
	got := unanswered(want.ask.FetchTarget)
	want.late, want.throttled = false, false
	if want.err != nil {
		got.Err = want.err
		return got
	}
	if want.partition == nil {
		if got.Err = f.locate(ctx, req, want); got.Err != nil {
			if errors.Is(got.Err, fault.NotLeaderOrFollower) {
				at := want.topic.Partitions[want.ask.Partition]
				got.Leader = &LeaderHint{Leader: at.Leader, LeaderEpoch: at.LeaderEpoch}
			}
			return got
		}
		if req.Follower == nil {
			*v = want.partition.view(want.ask.LastFetchedEpoch)
		}
	}
	if req.Follower != nil {
		f.replicate(req.Follower, want, &got, room)
		return got
	}
	p := want.partition
	want.epoch = v.epoch
	if v.failure != nil {
		want.partition = nil // it may be opened again
		if _, err := v.fetchable(want.ask.Offset, req.ReadCommitted); err != nil {
			got.Err = v.failure
			return got
		}
	}
	if v.role == partition.RoleFollower && req.anywhere() {
		readCopy(p, v, want, &got, room)
	} else {
		f.readLeader(p, v, req, want, &got, room)
	}
	return got
}

// unanswered returns an answer for a partition without offsets and records.
func unanswered(target FetchTarget) FetchedPartition {
	return FetchedPartition{
		FetchTarget: target, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1,
	}
}

// setOffsets fills in the offsets of v.
func (got *FetchedPartition) setOffsets(v *view) {
	got.HighWatermark, got.LastStableOffset, got.LogStartOffset = v.highWatermark, v.lastStable, v.start
}

// locate finds the wanted partition.
func (f *Fetch) locate(ctx context.Context, req *FetchRequest, want *wantedPartition) (err error) {
	if req.anywhere() {
		want.partition, err = f.partitions.Replica(ctx, want.topic, want.ask.Partition)
	} else {
		want.partition, err = f.partitions.Leader(ctx, want.topic, want.ask.Partition)
	}
	return err
}

// readLeader answers a consumer from the leader.
func (f *Fetch) readLeader(
	p *Partition, v *view, req *FetchRequest, want *wantedPartition, got *FetchedPartition, room share,
) {
	ask := &want.ask
	if got.Err = v.checkLeader(ask.CurrentLeaderEpoch); got.Err != nil {
		want.partition = nil // the next fetch looks it up again
		got.Leader = v.leaderHint()
		return
	}
	if got.Diverging, got.Err = v.diverging(ask); got.Err != nil {
		return
	}
	if got.Diverging != nil {
		got.setOffsets(v)
		return
	}
	upTo, err := v.fetchable(ask.Offset, req.ReadCommitted)
	if err != nil {
		got.Err = err
		return
	}
	want.seen = upTo
	if ask.Offset < v.start || ask.Offset > v.end {
		got.Err = fault.New(fault.OffsetOutOfRange, "offset %d of %s-%d is outside %d to %d", ask.Offset, v.topic, v.index,
			v.start, v.highWatermark)
		return
	}
	if got.PreferredReadReplica = f.nearest(p, req, want); got.PreferredReadReplica < 0 {
		if got.Records, got.Err = slice(p, ask.Offset, upTo, room); got.Err != nil {
			return
		}
	}
	got.setOffsets(v)
}

// slice returns the records from offset up to upTo, as many as room allows.
func slice(p *Partition, offset, upTo int64, room share) (ports.Slice, error) {
	if offset >= upTo || room.maxBytes <= 0 && !room.first {
		return ports.Slice{}, nil
	}
	records, err := p.log.Read(offset, upTo, max(room.maxBytes, 0))
	if err == nil && !room.first && records.Size > room.maxBytes {
		records.Release()
		return ports.Slice{}, nil
	}
	return records, err
}

// replicate answers a follower with what is durable on this broker, whether it is committed or not.
func (f *Fetch) replicate(by *Follower, want *wantedPartition, got *FetchedPartition, room share) {
	p, ask := want.partition, &want.ask
	reply, v, err := p.followed(partition.FollowerFetch{
		Replica: by.ID, BrokerEpoch: by.Epoch, LeaderEpoch: ask.CurrentLeaderEpoch, Start: ask.LogStartOffset,
		Offset: ask.Offset, LastEpoch: ask.LastFetchedEpoch,
	})
	want.epoch = v.epoch
	if v.failure != nil {
		want.partition = nil // it may be opened again
		got.Err = v.failure
		return
	}
	want.seen, want.behind = reply.End, reply.Behind
	switch {
	case err != nil:
		if got.Err = err; errors.Is(err, fault.OffsetOutOfRange) {
			got.LogStartOffset = v.start // the follower starts again from here
		}
		got.Leader = v.leaderHint()
		return
	case reply.Diverging:
		got.Diverging = &EpochEndOffset{Epoch: reply.DivergingEpoch, EndOffset: reply.DivergingEnd}
	case ask.Offset < reply.End && !reply.InSync:
		want.late, want.behind = true, false // it does not need the high watermark yet; see catchUp
	default:
		if got.Records, got.Err = slice(p, ask.Offset, reply.End, room); got.Err != nil {
			return
		}
	}
	got.setOffsets(&v)
}
