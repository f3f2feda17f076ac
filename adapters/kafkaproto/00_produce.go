package kafkaproto

import (
	"errors"
	"time"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// Produce: v3-13, announced as v0-13, because librdkafka turns compression off otherwise (KAFKA-18659). Versions 0 to 2 are
// understood and refused with UNSUPPORTED_VERSION.
//
// * v5: log start offset; v7: zstd (KIP-110); v8: which records were refused (KIP-467)
// * v9: flexible; v10: where the leader is (KIP-951)
// * v11, v12: transactions (KIP-890); v13: topic ids (KIP-516)
//
// The records are not copied: the frame is theirs until every partition has its answer. A large request is served while it
// arrives (produce_stream.go).

const oldestProduce = 3

const (
	producePartitionCost = 256  // bytes that a partition in a request takes, with its answer
	keptPartitions       = 1024 // room for partitions that is kept for other requests
)

// produceCall is a Produce request on its way, and what its answer needs.
type produceCall struct {
	req      replicas.ProduceRequest
	x        *exchange
	topics   []int     // how many of the partitions belong to each topic, in order
	arrivals *arrivals // nil when the request was received as a whole
}

func (s *Server) newProduceCall() *produceCall {
	if p, ok := s.produces.Get().(*produceCall); ok {
		return p
	}
	p := new(produceCall)
	p.req.Done = p.done
	return p
}

func (x *exchange) produce() error {
	p := x.conn.server.newProduceCall()
	p.x = x
	if x.stream != nil {
		return p.serveStream()
	}
	if err := p.decode(&reader{in: x.body, flexible: x.version >= x.api.flexible}); err != nil {
		return err
	}
	x.later = p
	x.silent = p.req.Acks == 0
	if x.version < oldestProduce {
		x.conn.server.noise.Warn(x.ctx, "client is too old to produce", "client_id", x.clientID, "client", x.conn.remote,
			"software", x.conn.software, "version", x.version)
		for i := range p.req.Partitions {
			at := &p.req.Partitions[i]
			at.BaseOffset, at.LogAppendTime, at.LogStartOffset = -1, -1, -1
			at.Err = fault.New(fault.UnsupportedVersion, "Produce version %d is not served any more", x.version)
		}
		p.done()
		return nil
	}
	x.services().Produce.Produce(x.ctx, &p.req)
	return nil
}

// decode reads the request. The partitions of a stream are served at once, those of a frame are gathered.
func (p *produceCall) decode(r *reader) error {
	x, req := p.x, &p.req
	req.TransactionalID = ""
	if x.version >= 3 {
		req.TransactionalID = string(r.stringBytes())
	}
	req.Acks, req.Timeout = r.int16(), time.Duration(r.int32())*time.Millisecond
	req.Version, req.ClientID = x.version, x.clientID
	req.Partitions, p.topics = req.Partitions[:0], p.topics[:0]
	for range r.array(2) {
		var at replicas.ProducePartition
		if x.version >= 13 {
			at.TopicID = r.uuid()
		} else {
			at.Topic = x.conn.intern(r.name())
		}
		n := max(r.array(5), 0)
		if err := x.charge((n + 1) * producePartitionCost); err != nil {
			return err
		}
		for range n {
			at.Partition = r.int32()
			if r.stream != nil {
				if err := p.serveArrival(r, at); err != nil {
					return err
				}
				continue
			}
			at.Records = r.bytes()
			r.tags(nil)
			req.Partitions = append(req.Partitions, at)
			if r.bad {
				break
			}
		}
		if n > 0 { // a topic without partitions has no answer
			p.topics = append(p.topics, n)
		}
		r.tags(nil)
		if r.bad {
			break
		}
	}
	r.tags(nil)
	if r.bad {
		return r.failure(x.malformed(errMalformed))
	}
	return nil
}

// done is called when every partition has its answer. It may be called with locks held, from anywhere, and does not block.
func (p *produceCall) done() {
	x := p.x
	for i := range p.req.Partitions {
		if p.req.Partitions[i].Err != nil && x.silent {
			// Without answers, a closed connection is what tells the producer to look at the metadata again.
			x.conn.server.noise.Info(x.ctx, "connection closed after a failed produce without acknowledgement",
				"client_id", x.clientID, "err", p.req.Partitions[i].Err)
			x.conn.close()
			break
		}
	}
	x.conn.ready(x)
}

// encode writes the answer.
func (p *produceCall) encode(x *exchange) {
	w := x.start(x.version >= x.api.flexible, 64+64*len(p.req.Partitions))
	rest := p.req.Partitions
	var leaders []int32
	w.length(len(p.topics))
	for _, n := range p.topics {
		part := rest[:n]
		rest = rest[n:]
		if x.version >= 13 {
			w.b = append(w.b, part[0].TopicID[:]...)
		} else {
			w.string(part[0].Topic)
		}
		w.length(n)
		for i := range part {
			leaders = p.encodePartition(&w, &part[i], leaders)
		}
		w.noTags()
	}
	if x.version >= 1 {
		w.int32(0) // throttle time
	}
	if w.flexible {
		x.endpoints(&w, leaders, x.version >= 10)
	}
	x.finish(w)
}

func (p *produceCall) encodePartition(w *writer, at *replicas.ProducePartition, leaders []int32) []int32 {
	x, version := p.x, p.req.Version
	w.int32(at.Partition)
	w.int16(x.code(at.Err))
	w.int64(at.BaseOffset)
	if version >= 2 {
		w.int64(at.LogAppendTime)
	}
	if version >= 5 {
		w.int64(at.LogStartOffset)
	}
	if version >= 8 {
		w.length(len(at.RecordErrors))
		for _, e := range at.RecordErrors {
			w.int32(e.Index)
			w.nullable(nilIfEmpty(e.Message))
			w.noTags()
		}
		w.nullable(messageOfProduce(at))
	}
	if version >= 10 && at.Leader != nil && hintsAtLeader(at.Err) {
		w.uvarint(1)
		w.leaderTag(0, at.Leader)
		return append(leaders, at.Leader.Leader)
	}
	w.noTags()
	return leaders
}

// messageOfProduce returns what Kafka says of a batch that was refused: something only about records, and here also
// about what this broker does not serve.
func messageOfProduce(at *replicas.ProducePartition) *string {
	if len(at.RecordErrors) > 0 || errors.Is(at.Err, fault.UnsupportedVersion) || errors.Is(at.Err, fault.InvalidTxnState) {
		return kafkaerrors.Message(at.Err)
	}
	return nil
}

// release makes the call ready for another request.
func (p *produceCall) release() {
	clear(p.req.Partitions)
	if cap(p.req.Partitions) > keptPartitions {
		p.req.Partitions, p.topics = nil, nil
	}
	s := p.x.conn.server
	p.x, p.arrivals = nil, nil
	s.produces.Put(p)
}
