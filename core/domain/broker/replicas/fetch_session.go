package replicas

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// Fetch session epochs with a meaning of their own (KIP-227).
const (
	fullFetchEpoch  = 0  // a full fetch that asks for a new session
	finalFetchEpoch = -1 // a full fetch without session, which also closes the one named
)

// sessionIdle is how long after its last request a session cannot be evicted by a smaller one (KIP-227:
// min.incremental.fetch.session.eviction.ms, a constant in Kafka).
const sessionIdle = 2 * time.Minute

// fetchSessions keeps the incremental fetch sessions of KIP-227: for each, which partitions its consumer wants and what
// the consumer was last sent about them. Their number and their memory are bounded. A consumer that does not get a
// session fetches without one.
type fetchSessions struct {
	clock  ports.Clock
	memory int // bytes that sessions may take together

	mu   sync.Mutex
	byID map[int32]*fetchSession
	used int // bytes of memory
}

// fetchSession is one consumer's session. Its lock is held during a whole fetch: a consumer that sends a second one
// meanwhile breaks the protocol, and that one waits.
type fetchSession struct {
	locked   chan struct{} // of size 1: a lock that can be awaited with a context
	id       int32
	epoch    int32 // expected in the next request
	useIDs   bool
	order    []*wantedPartition // in the order in which they are served
	byTarget map[FetchTarget]*wantedPartition
	resolved uint64 // index of the image in which the partitions were found

	// Guarded by fetchSessions.mu.
	used time.Time // of the last request
	size int       // partitions
	cost int       // bytes of memory
}

// wantedPartition is what a consumer asks of a partition and what it was last sent about it.
type wantedPartition struct {
	ask       FetchPartition
	topic     *metadata.Topic
	err       error      // the partition cannot be resolved
	partition *Partition // nil until it was read, and again after a change of the metadata
	seen      int64      // the end of what could be read at the last read
	epoch     int32      // the leader epoch at the last read
	late      bool       // the follower lacks records and is not in sync: no producer waits for it
	throttled bool       // late, and the quota allows no more records now
	behind    bool       // the follower does not know the current high watermark yet

	news                    bool // the consumer has changed its request since the last answer
	told, served            bool // the last answer held the partition without an error, with records
	highWatermark, logStart int64
}

// fetchRound is one request's view of its session.
type fetchRound struct {
	id          int32 // 0: no session
	wanted      []*wantedPartition
	read        []*wantedPartition // those that the answer is about, in its order
	session     *fetchSession
	incremental bool
}

func newFetchSessions(memory int64, clock ports.Clock) *fetchSessions {
	return &fetchSessions{clock: clock, memory: int(memory), byID: make(map[int32]*fetchSession)}
}

func (s *fetchSessions) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// begin finds or makes the request's session and resolves its partitions against img.
func (s *fetchSessions) begin(
	ctx context.Context, img *metadata.Image, req *FetchRequest, slots int,
) (*fetchRound, error) {
	switch req.SessionEpoch {
	case finalFetchEpoch, fullFetchEpoch:
		s.remove(req.SessionID)
		wanted := make([]*wantedPartition, len(req.Partitions))
		for i, ask := range req.Partitions {
			wanted[i] = &wantedPartition{ask: ask}
			wanted[i].resolve(img, req.UsesTopicIDs)
		}
		round := &fetchRound{wanted: wanted}
		if req.SessionEpoch == fullFetchEpoch {
			s.open(round, img, req.UsesTopicIDs, slots)
		}
		return round, nil
	}
	return s.resume(ctx, img, req)
}

// resume serves an incremental fetch, which continues a session.
func (s *fetchSessions) resume(ctx context.Context, img *metadata.Image, req *FetchRequest) (*fetchRound, error) {
	s.mu.Lock()
	session := s.byID[req.SessionID]
	if session != nil {
		session.used = s.clock()
	}
	s.mu.Unlock()
	if session == nil {
		return nil, fault.FetchSessionIDNotFound
	}
	select {
	case session.locked <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.InvalidFetchSessionEpoch, "another fetch of the session waits: %w", ctx.Err())
	}
	if req.SessionEpoch != session.epoch {
		<-session.locked
		return nil, fault.InvalidFetchSessionEpoch
	}
	if req.UsesTopicIDs != session.useIDs {
		<-session.locked
		return nil, fault.FetchSessionTopicIDError
	}
	session.update(req)
	for _, w := range session.order {
		if isNew := w.topic == nil && w.err == nil; isNew || session.resolved != img.Index() {
			w.resolve(img, session.useIDs)
		}
	}
	session.resolved = img.Index()
	if len(req.Partitions)+len(req.Forgotten) > 0 && !s.resize(session) {
		<-session.locked
		return nil, fault.FetchSessionIDNotFound // the consumer then sends a full fetch
	}
	session.epoch = nextSessionEpoch(session.epoch)
	return &fetchRound{id: session.id, wanted: session.order, session: session, incremental: true}, nil
}

// open creates a session for round if there is memory for it and a free slot, or a session that may be evicted.
func (s *fetchSessions) open(round *fetchRound, img *metadata.Image, useIDs bool, slots int) {
	session := &fetchSession{
		epoch: nextSessionEpoch(fullFetchEpoch), useIDs: useIDs, order: round.wanted, size: len(round.wanted),
		resolved: img.Index(), locked: make(chan struct{}, 1),
	}
	session.cost = session.weigh()
	s.mu.Lock()
	defer s.mu.Unlock()
	session.used = s.clock()
	if !s.reserve(session.cost, nil) || len(s.byID) >= slots && !s.evictFor(session) {
		return
	}
	session.byTarget = make(map[FetchTarget]*wantedPartition, len(round.wanted))
	for _, w := range round.wanted {
		session.byTarget[w.ask.target(useIDs)] = w
	}
	for session.id == 0 || s.byID[session.id] != nil {
		session.id = rand.Int32()
	}
	s.byID[session.id] = session
	s.used += session.cost
	session.locked <- struct{}{} // released by round.done
	round.id, round.session = session.id, session
}

// evictFor drops one session in favour of newcomer: one that was idle for longer than sessionIdle, else one with fewer
// partitions than newcomer. It reports false when there is none (KIP-227).
func (s *fetchSessions) evictFor(newcomer *fetchSession) bool {
	var oldest, smallest *fetchSession
	for _, c := range s.byID {
		if oldest == nil || c.used.Before(oldest.used) {
			oldest = c
		}
		if smallest == nil || c.size < smallest.size || c.size == smallest.size && c.used.Before(smallest.used) {
			smallest = c
		}
	}
	switch {
	case oldest == nil:
		return false
	case newcomer.used.Sub(oldest.used) > sessionIdle:
		s.drop(oldest)
	case smallest.size < newcomer.size:
		s.drop(smallest)
	default:
		return false
	}
	return true
}

func (s *fetchSessions) remove(id int32) {
	if id == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.byID[id]; session != nil {
		s.drop(session)
	}
}

// update applies what an incremental request adds, changes and forgets.
func (fs *fetchSession) update(req *FetchRequest) {
	for _, ask := range req.Partitions {
		key := ask.target(fs.useIDs)
		if w := fs.byTarget[key]; w != nil {
			ask.Topic, ask.TopicID = w.ask.Topic, w.ask.TopicID
			w.ask, w.news = ask, true
			continue
		}
		w := &wantedPartition{ask: ask}
		fs.byTarget[key] = w
		fs.order = append(fs.order, w)
	}
	if len(req.Forgotten) == 0 {
		return
	}
	for _, f := range req.Forgotten {
		key := FetchPartition{FetchTarget: f}.target(fs.useIDs)
		delete(fs.byTarget, key)
	}
	kept := fs.order[:0]
	for _, w := range fs.order {
		if fs.byTarget[w.ask.target(fs.useIDs)] == w {
			kept = append(kept, w)
		}
	}
	clear(fs.order[len(kept):])
	fs.order = kept
}

// target is the partition's key within a session: by the topic's id or by its name, as the session was created.
func (p FetchPartition) target(useIDs bool) FetchTarget {
	if useIDs {
		return FetchTarget{TopicID: p.TopicID, Partition: p.Partition}
	}
	return FetchTarget{Topic: p.Topic, Partition: p.Partition}
}

// quiet reports whether a partition that was read before, and whose view now is v, has nothing new for its consumer.
func (w *wantedPartition) quiet(v *view, readCommitted bool) bool {
	if !w.told || w.news || w.ask.Offset != w.seen {
		return false
	}
	end, err := v.readable(readCommitted)
	return err == nil && w.seen == end && w.highWatermark == v.highWatermark && w.epoch == v.epoch && w.logStart == v.start
}

// resolve finds the partition's topic.
func (w *wantedPartition) resolve(img *metadata.Image, byID bool) {
	w.err, w.partition = nil, nil
	var ok bool
	if byID {
		if w.topic, ok = img.TopicByID(w.ask.TopicID); !ok {
			w.err = fault.UnknownTopicID
			return
		}
		w.ask.Topic = w.topic.Name
		return
	}
	if w.topic, ok = img.Topic(w.ask.Topic); !ok {
		w.err = fault.UnknownTopicOrPartition
		return
	}
	w.ask.TopicID = w.topic.ID
}

// omitKnown removes partitions without news from an incremental answer. It moves partitions that had records to the end
// of the session's order, so that each of them gets its turn when an answer is full (KIP-227).
func (r *fetchRound) omitKnown(resp *FetchResponse) {
	if r.session == nil {
		return
	}
	kept := resp.Partitions[:0] // shares the array: no allocation per fetch
	served := 0
	for i, got := range resp.Partitions {
		w := r.read[i]
		news := got.Records.Size > 0 || got.Err != nil || got.Diverging != nil || got.PreferredReadReplica >= 0 ||
			!w.told || w.highWatermark != got.HighWatermark || w.logStart != got.LogStartOffset
		if news || !r.incremental {
			kept = append(kept, got)
		}
		w.news, w.told = false, got.Err == nil
		w.highWatermark, w.logStart = got.HighWatermark, got.LogStartOffset
		if w.served = got.Records.Size > 0; w.served {
			served++
		}
	}
	resp.Partitions = kept
	if served > 0 && served < len(r.wanted) {
		r.session.order = servedLast(r.wanted, served)
	}
}

// servedLast returns the partitions in a new order, those that were just served last. It clears their served marks.
func servedLast(wanted []*wantedPartition, served int) []*wantedPartition {
	order := make([]*wantedPartition, len(wanted))
	first, last := 0, len(wanted)-served
	for _, w := range wanted {
		to := &first
		if w.served {
			to = &last
		}
		order[*to] = w
		*to++
		w.served = false
	}
	return order
}

// done ends the round. The session can then take its next request.
func (r *fetchRound) done() {
	if r.session != nil {
		<-r.session.locked
	}
}

// nextSessionEpoch returns the epoch after e. The largest one is followed by 1, as in Kafka.
func nextSessionEpoch(e int32) int32 {
	if e == 1<<31-1 {
		return 1
	}
	return e + 1
}
