package kafkaproto

import (
	"errors"
	"time"

	"github.com/chronik-stream/chronik/adapters/internal/kafkaerrors"
	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// Produce: v3-13, announced as v0-13, because librdkafka turns compression off otherwise (KAFKA-18659). Versions 0 to 2
// are decoded and refused with UNSUPPORTED_VERSION.
//
// * v5: log start offset; v7: zstd (KIP-110); v8: which records were refused (KIP-467)
// * v9: flexible; v10: where the leader is (KIP-951)
// * v11, v12: transactions (KIP-890); v13: topic ids (KIP-516)
//
// The records are not copied: they use the frame's memory until every partition has its answer. A large request is
// served while it arrives (produce_stream.go).

const oldestProduce = 3

// topicIDsInProduce is the first version that names topics by their ids.
const topicIDsInProduce = 13

const (
	producePartitionCost = 256  // bytes that a partition in a request takes, with its answer
	keptPartitions       = 1024 // capacity for partitions that is kept for later requests
)

// produceCall is a Produce request under way, with what its answer needs.
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
	p.req.Done, p.req.Parse = p.done, p.parse
	return p
}

// parse is the request's ProduceRequest.Parse.
func (p *produceCall) parse(records []byte) (record.Batch, error) {
	return record.ParseProduced(records, p.x.version)
}

func (x *exchange) produce() error {
	p := x.conn.server.newProduceCall()
	p.x = x
	if x.stream != nil {
		return p.serveStream()
	}
	r := wire.NewReader(x.body, x.version >= x.api.flexible)
	if err := p.decode(&r); err != nil {
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
func (p *produceCall) decode(r *wire.Reader) error {
	x, req := p.x, &p.req
	req.TransactionalID = ""
	if x.version >= 3 {
		req.TransactionalID = string(r.StringBytes())
	}
	req.Acks, req.Timeout = r.Int16(), time.Duration(r.Int32())*time.Millisecond
	req.ClientID, req.UsesTopicIDs = x.clientID, x.version >= topicIDsInProduce
	req.Partitions, p.topics = req.Partitions[:0], p.topics[:0]
	for range r.Array(2) {
		var at replicas.ProducePartition
		if req.UsesTopicIDs {
			at.TopicID = r.UUID()
		} else {
			at.Topic = x.conn.intern(r.Name())
		}
		n := max(r.Array(5), 0)
		if err := x.charge((n + 1) * producePartitionCost); err != nil {
			return err
		}
		for range n {
			at.Partition = r.Int32()
			if r.Stream() != nil {
				if err := p.serveArrival(r, at); err != nil {
					return err
				}
				continue
			}
			at.Records = r.Bytes()
			r.Tags(nil)
			req.Partitions = append(req.Partitions, at)
			if r.Bad() {
				break
			}
		}
		if n > 0 { // a topic without partitions has no answer
			p.topics = append(p.topics, n)
		}
		r.Tags(nil)
		if r.Bad() {
			break
		}
	}
	r.Tags(nil)
	if r.Bad() {
		return failure(r, x.malformed(wire.ErrMalformed))
	}
	return nil
}

// done is called when every partition has its answer. It may be called with locks held, from anywhere, and does not
// block.
func (p *produceCall) done() {
	x := p.x
	for i := range p.req.Partitions {
		if p.req.Partitions[i].Err != nil && x.silent {
			// Without an answer, only a closed connection makes the producer refresh its metadata.
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
	w.Length(len(p.topics))
	for _, n := range p.topics {
		part := rest[:n]
		rest = rest[n:]
		if x.version >= topicIDsInProduce {
			w.B = append(w.B, part[0].TopicID[:]...)
		} else {
			w.String(part[0].Topic)
		}
		w.Length(n)
		for i := range part {
			leaders = p.encodePartition(&w, &part[i], leaders)
		}
		w.NoTags()
	}
	if x.version >= 1 {
		w.Int32(0) // throttle time
	}
	if w.Flexible {
		x.endpoints(&w, leaders, x.version >= 10)
	}
	x.finish(w)
}

func (p *produceCall) encodePartition(w *wire.Writer, at *replicas.ProducePartition, leaders []int32) []int32 {
	x, version := p.x, p.x.version
	w.Int32(at.Partition)
	w.Int16(x.code(at.Err))
	w.Int64(at.BaseOffset)
	if version >= 2 {
		w.Int64(at.LogAppendTime)
	}
	if version >= 5 {
		w.Int64(at.LogStartOffset)
	}
	if version >= 8 {
		w.Length(len(at.RecordErrors))
		for _, e := range at.RecordErrors {
			w.Int32(e.Index)
			w.Nullable(nilIfEmpty(e.Message))
			w.NoTags()
		}
		w.Nullable(messageOfProduce(at))
	}
	if version >= 10 && at.Leader != nil && hintsAtLeader(at.Err) {
		w.Uvarint(1)
		leaderTag(w, 0, at.Leader)
		return append(leaders, at.Leader.Leader)
	}
	w.NoTags()
	return leaders
}

// messageOfProduce returns the message for a refused batch. Kafka has one only for refused records; this broker also
// has one for what it does not serve.
func messageOfProduce(at *replicas.ProducePartition) *string {
	if len(at.RecordErrors) > 0 ||
		errors.Is(at.Err, fault.UnsupportedVersion) || errors.Is(at.Err, fault.InvalidTxnState) {
		return kafkaerrors.Message(at.Err)
	}
	return nil
}

// release resets the call for reuse.
func (p *produceCall) release() {
	clear(p.req.Partitions)
	if cap(p.req.Partitions) > keptPartitions {
		p.req.Partitions, p.topics = nil, nil
	}
	s := p.x.conn.server
	p.x, p.arrivals = nil, nil
	s.produces.Put(p)
}
