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
	Version       int16
	Client        string // client id
	MaxWait       time.Duration
	MinBytes      int32
	MaxBytes      int32
	ReadCommitted bool
	SessionID     int32
	SessionEpoch  int32
	UsesTopicIDs  bool // version 13 and above
	Partitions    []FetchPartition
	Forgotten     []FetchTarget
	Rack          string
	Follower      *Follower // who replicates; nil for a consumer
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
	counted              int // bytes that the quota of replication has counted
}

// EpochEndOffset is a leader epoch and the offset at which it ended.
type EpochEndOffset struct {
	Epoch     int32
	EndOffset int64
}

// AbortedTxn tells a read_committed consumer which records to skip.
type AbortedTxn struct{ ProducerID, FirstOffset int64 }

// Release lets go of the files that the records are in.
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
	throttle   *replicationQuota // of what followers that are not in sync get
}

// NewFetch returns the fetch service. Its sessions take at most memory bytes; who finds no room fetches without one.
// All arguments are required.
func NewFetch(partitions *Partitions, configs fetchConfigs, memory int64, clock ports.Clock) *Fetch {
	return &Fetch{
		partitions: partitions, configs: configs, sessions: newFetchSessions(memory, clock), clock: clock,
		byRack: configs.String("replica.selector.class") == rackAware, throttle: newReplicationQuota(configs, clock),
	}
}

// fetchConfigs is what fetches need to know of configs; see Configs.
type fetchConfigs interface {
	Int(key string) int64
	String(key string) string
}

// Sessions returns the number of incremental fetch sessions that are kept.
func (f *Fetch) Sessions() int { return f.sessions.len() }

// Fetch answers at once when MinBytes are there, a partition has an error, or there is nothing to wait for: no
// partition is asked for, or none that exists. Otherwise it answers when the bytes have come or MaxWait has passed. It
// keeps the incremental fetch sessions of KIP-227.
func (f *Fetch) Fetch(ctx context.Context, req *FetchRequest) *FetchResponse {
	img := f.partitions.store.Image()
	round, err := f.sessions.begin(img, req, int(f.configs.Int("max.incremental.fetch.session.cache.slots")))
	if err != nil {
		return &FetchResponse{Err: err}
	}
	defer round.done()

	limit := int(min(req.MaxBytes, int32(f.configs.Int("fetch.max.bytes"))))
	resp := &FetchResponse{SessionID: round.id}
	total, urgent := f.readAll(ctx, req, round, resp, limit)
	if total < int(req.MinBytes) && !urgent && req.MaxWait > 0 {
		release, ok := func() {}, req.Follower != nil // brokers are few, and would ask again at once
		if !ok {
			release, ok = f.sessions.hold(round)
		}
		if ok {
			f.wait(ctx, req, round, resp, limit)
			release()
		}
	}
	round.settle(resp)
	return resp
}

// wait reads again whenever one of the partitions has grown, until there is enough or MaxWait has passed.
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
				if req.Follower != nil && p.log.StartOffset() > want.ask.LogStartOffset { // records were deleted meanwhile
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
			return // what was found before is the answer
		}
		f.takeBack(resp)
		resp.Release()
		total, urgent := f.readAll(ctx, req, round, resp, limit)
		if total >= int(req.MinBytes) || urgent {
			return
		}
	}
}

// readAll fills resp with what every wanted partition has now. It returns the bytes found and whether the answer is
// due at once: there is an error to tell, a diverging epoch, another broker to read from, to a follower a log start
// offset that it has not, or a high watermark that its consumers wait for; or a consumer has nothing to wait for.
//
// As in Kafka, consumers who ask for what does not exist beside what does are told with the rest, and may wait:
// many ask for it again at once. A follower does not, and its new partition, which this broker does not know yet,
// is not to wait for its others.
func (f *Fetch) readAll(
	ctx context.Context, req *FetchRequest, round *fetchRound, resp *FetchResponse, limit int,
) (total int, urgent bool) {
	resp.Partitions, round.read = resp.Partitions[:0], round.read[:0]
	waitsFor := 0 // partitions
	for _, want := range round.wanted {
		if round.incremental && req.Follower == nil && want.quiet(req.ReadCommitted) { // of followers each fetch counts
			waitsFor++
			continue
		}
		existed := want.partition != nil
		got := f.read(ctx, req, want, min(int(want.ask.MaxBytes), limit-total), total == 0)
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

// read answers for one partition. At most maxBytes are returned, except that the first batch of the whole
// answer comes however large it is (KIP-74).
func (f *Fetch) read(
	ctx context.Context, req *FetchRequest, want *wantedPartition, maxBytes int, first bool,
) FetchedPartition {
	got := FetchedPartition{
		FetchTarget: want.ask.FetchTarget, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1,
	}
	want.late, want.throttled = false, false
	if want.err != nil {
		got.Err = want.err
		return got
	}
	p, err := want.partition, error(nil)
	switch {
	case p != nil:
	case req.anywhere():
		p, err = f.partitions.Replica(ctx, want.topic, want.ask.Partition)
	default:
		p, err = f.partitions.Leader(ctx, want.topic, want.ask.Partition)
	}
	if err != nil {
		got.Err = err
		if errors.Is(err, fault.NotLeaderOrFollower) {
			at := want.topic.Partitions[want.ask.Partition]
			got.Leader = &LeaderHint{Leader: at.Leader, LeaderEpoch: at.LeaderEpoch}
		}
		return got
	}
	want.partition, want.epoch = p, p.leaderEpoch()
	if err := p.failed(); err != nil {
		want.partition = nil // it may be opened anew
		if _, unsound := p.fetchable(want.ask.Offset, req.ReadCommitted); unsound != nil || req.Follower != nil {
			got.Err = err
			return got
		}
	}
	if req.Follower != nil {
		f.replicate(p, req.Follower, want, &got, maxBytes, first)
		return got
	}
	if req.anywhere() && readCopy(p, want, &got, maxBytes, first) {
		return got
	}
	if err := p.checkEpoch(want.ask.CurrentLeaderEpoch); err != nil {
		want.partition = nil // it is looked for anew
		got.Err, got.Leader = err, p.leaderHint()
		return got
	}
	d, err := diverging(p, want.ask)
	if err != nil {
		got.Err = err
		return got
	}
	if d != nil {
		got.Diverging = d
		got.HighWatermark, got.LastStableOffset, got.LogStartOffset = p.hw.Load(), p.lastStable(), p.log.StartOffset()
		return got
	}
	upTo, err := p.fetchable(want.ask.Offset, req.ReadCommitted)
	if err != nil {
		got.Err = err
		return got
	}
	want.seen = upTo
	if start := p.log.StartOffset(); want.ask.Offset < start || want.ask.Offset > p.log.EndOffset() {
		got.Err = fault.New(fault.OffsetOutOfRange, "offset %d of %s-%d is outside %d to %d", want.ask.Offset, p.topic,
			p.index, start, p.hw.Load())
		return got
	}
	if got.PreferredReadReplica = f.nearest(p, req, want); got.PreferredReadReplica < 0 {
		if got.Records, got.Err = slice(p, want.ask.Offset, upTo, maxBytes, first); got.Err != nil {
			return got
		}
	}
	got.HighWatermark, got.LastStableOffset, got.LogStartOffset = p.hw.Load(), p.lastStable(), p.log.StartOffset()
	return got
}

// slice returns the records from offset up to upTo. At most maxBytes of them, unless they are the first of an answer.
func slice(p *Partition, offset, upTo int64, maxBytes int, first bool) (ports.Slice, error) {
	if offset >= upTo || maxBytes <= 0 && !first {
		return ports.Slice{}, nil
	}
	records, err := p.log.Read(offset, upTo, max(maxBytes, 0))
	if err == nil && !first && records.Size > maxBytes {
		records.Release()
		return ports.Slice{}, nil
	}
	return records, err
}

// replicate answers a follower: with what is durable here, whether it is committed or not.
func (f *Fetch) replicate(
	p *Partition, by *Follower, want *wantedPartition, got *FetchedPartition, maxBytes int, first bool,
) {
	ask := &want.ask
	reply, err := p.followed(partition.FollowerFetch{
		Replica: by.ID, BrokerEpoch: by.Epoch, LeaderEpoch: ask.CurrentLeaderEpoch, Start: ask.LogStartOffset, Offset: ask.Offset, LastEpoch: ask.LastFetchedEpoch,
	})
	want.seen, want.behind = reply.End, reply.Behind
	switch {
	case err != nil:
		if got.Err = err; errors.Is(err, fault.OffsetOutOfRange) {
			got.LogStartOffset = p.log.StartOffset() // where the follower begins anew
		}
		got.Leader = p.leaderHint()
		return
	case reply.Diverging:
		got.Diverging = &EpochEndOffset{Epoch: reply.DivergingEpoch, EndOffset: reply.DivergingEnd}
	case ask.Offset < reply.End && !reply.InSync:
		want.late, want.behind = true, false // it has no use for a high watermark; see catchUp
	default:
		if got.Records, got.Err = slice(p, ask.Offset, reply.End, maxBytes, first); got.Err != nil {
			return
		}
	}
	got.HighWatermark, got.LastStableOffset, got.LogStartOffset = p.hw.Load(), p.lastStable(), p.log.StartOffset()
}

// diverging tells a reader whose last record was written under another history where that history ends here (KIP-595).
// Of an epoch that nothing is known about, nobody can say.
func diverging(p *Partition, ask FetchPartition) (*EpochEndOffset, error) {
	if ask.LastFetchedEpoch < 0 {
		return nil, nil
	}
	epoch, end := p.epochEnd(ask.LastFetchedEpoch)
	switch {
	case epoch < 0:
		return nil, fault.New(fault.OffsetOutOfRange, "the end of epoch %d of %s-%d is not known", ask.LastFetchedEpoch,
			p.topic, p.index)
	case epoch < ask.LastFetchedEpoch || end < ask.Offset:
		return &EpochEndOffset{Epoch: epoch, EndOffset: end}, nil
	}
	return nil, nil
}
