package kafkaproto

import (
	"errors"
	"time"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Fetch: v4-18.
//
// * v5: log start offsets; v7: sessions (KIP-227); v9: leader epochs (KIP-320)
// * v10: zstd (KIP-110); v11: racks (KIP-392)
// * v12: flexible; diverging epochs (KIP-595); v13: topic ids (KIP-516); v15: the replica's state as a tag (KIP-903)
// * v16: where the leader is (KIP-951); v17, v18: fields of followers only
//
// Records are sent from their file to the socket; see write.go.

// fetchCall is a Fetch request.
type fetchCall struct {
	req      replicas.FetchRequest
	follower replicas.Follower // its ID is -1 for consumers
}

func (x *exchange) fetch() error {
	s := x.conn.server
	f, ok := s.fetches.Get().(*fetchCall)
	if !ok {
		f = new(fetchCall)
	}
	if err := f.decode(x); err != nil {
		return err
	}
	x.body = nil
	x.frame.release()
	if f.follower.ID >= 0 {
		f.req.Follower = &f.follower
	}
	if err := x.follows(f.follower.ID); err != nil {
		x.fetched = refused(&f.req, err)
	} else {
		ctx, stop := x.waiting(f.req.MaxWait > watchInterval)
		x.fetched = s.services.Fetch.Fetch(ctx, &f.req)
		stop()
	}
	x.encodeFetch(x.fetched, f.req.ReadCommitted, f.req.Follower != nil)
	f.req.Partitions, f.req.Forgotten = reusable(f.req.Partitions), reusable(f.req.Forgotten)
	s.fetches.Put(f)
	x.conn.ready(x)
	return nil
}

// refused is the answer to a client that is not the follower it claims to be. As in Kafka it has
// TOPIC_AUTHORIZATION_FAILED for each partition, which is all that versions before 7 have room for. The request's own
// error helps an operator who has set up a node wrongly.
func refused(req *replicas.FetchRequest, err error) *replicas.FetchResponse {
	resp := &replicas.FetchResponse{Err: err, Partitions: make([]replicas.FetchedPartition, len(req.Partitions))}
	for i := range req.Partitions {
		resp.Partitions[i] = replicas.FetchedPartition{
			FetchTarget: req.Partitions[i].FetchTarget, Err: fault.TopicAuthorizationFailed,
			HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1,
		}
	}
	return resp
}

// reusable returns s emptied for another request, or nil when it is too large to keep.
func reusable[T any](s []T) []T {
	clear(s)
	if cap(s) > keptPartitions {
		return nil
	}
	return s[:0]
}

// fetchPartitionCost is how many bytes a partition in a request takes, with its place in a session and its answer.
const fetchPartitionCost = 512

// endpointsInFetch is the first version whose answers say where a leader is.
const endpointsInFetch = 16

// The tags of a Fetch request.
const replicaStateTag = 1

func (f *fetchCall) decode(x *exchange) error {
	r := wire.NewReader(x.body, x.version >= x.api.flexible)
	version, req := x.version, &f.req
	f.follower = replicas.Follower{ID: -1, Epoch: -1}
	if version <= 14 {
		f.follower.ID = r.Int32()
	}
	*req = replicas.FetchRequest{
		Client: x.clientID, UsesTopicIDs: version >= 13, FromFollowers: version >= 11, SessionEpoch: -1,
		Partitions: req.Partitions[:0], Forgotten: req.Forgotten[:0],
	}
	req.MaxWait = time.Duration(max(r.Int32(), 0)) * time.Millisecond
	req.MinBytes, req.MaxBytes = r.Int32(), r.Int32()
	req.ReadCommitted = r.Int8() == readCommitted
	if version >= 7 {
		req.SessionID, req.SessionEpoch = r.Int32(), r.Int32()
	}
	for range r.Array(2) {
		at := replicas.FetchPartition{
			FetchTarget:        f.target(x, &r),
			CurrentLeaderEpoch: -1,
			LastFetchedEpoch:   -1,
			LogStartOffset:     -1,
		}
		n := r.Array(16)
		if err := x.charge((n + 1) * fetchPartitionCost); err != nil {
			return err
		}
		for range n {
			f.decodePartition(&r, at, version)
			if r.Bad() {
				break
			}
		}
		r.Tags(nil)
		if r.Bad() {
			break
		}
	}
	if version >= 7 {
		for range r.Array(2) {
			target := f.target(x, &r)
			n := r.Array(4)
			if err := x.charge((n + 1) * fetchPartitionCost); err != nil {
				return err
			}
			for range n {
				target.Partition = r.Int32()
				req.Forgotten = append(req.Forgotten, target)
			}
			r.Tags(nil)
			if r.Bad() {
				break
			}
		}
	}
	if version >= 11 {
		req.Rack = string(r.StringBytes())
	}
	r.Tags(func(tag int, value []byte) {
		if tag == replicaStateTag && version >= 15 {
			state := wire.NewReader(value, true)
			f.follower.ID, f.follower.Epoch = state.Int32(), state.Int64()
		}
	})
	if r.Bad() {
		return badInput{x.malformed(wire.ErrMalformed)}
	}
	return nil
}

// target reads the topic's name or id.
func (f *fetchCall) target(x *exchange, r *wire.Reader) replicas.FetchTarget {
	if f.req.UsesTopicIDs {
		return replicas.FetchTarget{TopicID: r.UUID()}
	}
	return replicas.FetchTarget{Topic: x.conn.intern(r.Name())}
}

func (f *fetchCall) decodePartition(r *wire.Reader, at replicas.FetchPartition, version int16) {
	at.Partition = r.Int32()
	if version >= 9 {
		at.CurrentLeaderEpoch = r.Int32()
	}
	at.Offset = r.Int64()
	if version >= 12 {
		at.LastFetchedEpoch = r.Int32()
	}
	if version >= 5 {
		at.LogStartOffset = r.Int64()
	}
	at.MaxBytes = r.Int32()
	r.Tags(nil)
	f.req.Partitions = append(f.req.Partitions, at)
}

// encodeFetch writes the answer. Larger records are sent from their files later.
func (x *exchange) encodeFetch(resp *replicas.FetchResponse, readCommitted, follower bool) {
	total := 0
	for i := range resp.Partitions {
		total += resp.Partitions[i].Records.Size
	}
	w := x.start(x.version >= x.api.flexible, 64+96*len(resp.Partitions)+min(total, copyBelow))
	w.Int32(0) // throttle time
	if x.version >= 7 {
		w.Int16(x.code(resp.Err))
		w.Int32(resp.SessionID)
	}
	var leaders []int32
	w.Length(countTopics(resp.Partitions))
	for rest := resp.Partitions; len(rest) > 0; {
		n := sameTopic(rest)
		if x.version >= 13 {
			w.B = append(w.B, rest[0].TopicID[:]...)
		} else {
			w.String(rest[0].Topic)
		}
		w.Length(n)
		for i := range n {
			if readCommitted && rest[i].Aborted == nil {
				rest[i].Aborted = []replicas.AbortedTxn{} // an empty list; nil would mean that it was not requested
			}
			x.encodeFetched(&w, &rest[i])
			// Followers know the brokers' addresses.
			if l := rest[i].Leader; l != nil && hintsAtLeader(rest[i].Err) && !follower {
				leaders = append(leaders, l.Leader)
			}
		}
		w.NoTags()
		rest = rest[n:]
	}
	if w.Flexible {
		x.endpoints(&w, leaders, x.version >= endpointsInFetch)
	}
	x.finish(w)
}

// sameTopic returns how many of the first partitions are of one topic.
func sameTopic(p []replicas.FetchedPartition) int {
	n := 1
	for n < len(p) && p[n].Topic == p[0].Topic && p[n].TopicID == p[0].TopicID {
		n++
	}
	return n
}

func countTopics(p []replicas.FetchedPartition) int {
	n := 0
	for ; len(p) > 0; n++ {
		p = p[sameTopic(p):]
	}
	return n
}

func (x *exchange) encodeFetched(w *wire.Writer, at *replicas.FetchedPartition) {
	begin := len(w.B)
	hint := at.Leader
	if x.version < endpointsInFetch || !hintsAtLeader(at.Err) {
		hint = nil
	}
	w.Int32(at.Partition)
	w.Int16(x.code(at.Err))
	w.Int64(at.HighWatermark)
	w.Int64(at.LastStableOffset)
	if x.version >= 5 {
		w.Int64(at.LogStartOffset)
	}
	missing := errors.Is(at.Err, fault.UnknownTopicOrPartition) || errors.Is(at.Err, fault.UnknownTopicID)
	if at.Aborted == nil && !missing {
		w.Length(-1)
	} else { // for a missing topic or partition, Kafka has an empty list and not null
		w.Length(len(at.Aborted))
		for _, a := range at.Aborted {
			w.Int64(a.ProducerID)
			w.Int64(a.FirstOffset)
			w.NoTags()
		}
	}
	if x.version >= 11 {
		w.Int32(at.PreferredReadReplica)
	}
	if err := x.encodeRecords(w, at); err != nil {
		w.B = w.B[:begin]
		x.encodeFetched(w, &replicas.FetchedPartition{
			FetchTarget:   at.FetchTarget,
			Err:           fault.New(fault.KafkaStorageError, "read records of %s-%d: %w", at.Topic, at.Partition, err),
			HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1, PreferredReadReplica: -1,
		})
		return
	}
	if !w.Flexible {
		return
	}
	tags := 0
	if at.Diverging != nil {
		tags++
	}
	if hint != nil {
		tags++
	}
	w.Uvarint(tags)
	if d := at.Diverging; d != nil {
		w.Uvarint(0)
		w.Uvarint(4 + 8 + 1)
		w.Int32(d.Epoch)
		w.Int64(d.EndOffset)
		w.Uvarint(0)
	}
	if hint != nil {
		leaderTag(w, 1, hint)
	}
}

// encodeRecords writes the records' size, then the records or, for write, the file range where they are.
func (x *exchange) encodeRecords(w *wire.Writer, at *replicas.FetchedPartition) error {
	n := at.Records.Size
	w.Length(n)
	switch {
	case n == 0:
		return nil
	case n >= copyBelow || x.copied+n > copyAtMost || !x.conn.server.answers.Try(&x.lease, int64(n)):
		x.files = append(x.files, fileRange{after: len(w.B), slice: at.Records})
		return nil
	}
	x.copied += n
	from := len(w.B)
	w.Grow(n)
	return at.Records.ReadInto(w.B[from:])
}
