package kafkaproto

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/chronik-stream/chronik/adapters/kafkaproto/wire"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/fault"
)

// A large Produce request is served partition by partition while it arrives: each batch has memory of its own, which is
// given back as soon as its partition has answered. So the request takes about the memory of its largest batch, not of
// its frame. When the rest of the request is missing or malformed, the batches before it are appended but not
// acknowledged. The client sees a connection lost while it waits for the answer.

// streamAbove is the size, in bytes, above which a Produce request is served while it arrives. Most clients stay below
// it: it is the default of the Java client's max.request.size.
const streamAbove = 1 << 20

// isStreamed reports whether a request that begins with these four bytes, its API key and version, is decoded while it
// arrives.
func isStreamed(apiAndVersion []byte) bool {
	key, version := binary.BigEndian.Uint16(apiAndVersion), int16(binary.BigEndian.Uint16(apiAndVersion[2:]))
	return key == produceKey && version >= oldestProduce
}

// arrivals are the partitions of a request that is served while it arrives.
type arrivals struct {
	all     []*arrival
	pending atomic.Int32   // arrivals without an answer, and one for the reader
	served  sync.WaitGroup // arrivals without an answer
}

// arrival is one partition of such a request, a request of its own to the service.
type arrival struct {
	call  *produceCall
	req   replicas.ProduceRequest
	part  [1]replicas.ProducePartition
	frame frame // the batch

	// returned is set once, by the goroutine that gives the batch's memory back.
	returned atomic.Bool
}

// serveStream serves the request as it arrives. It answers when all has arrived and every partition has its answer.
func (p *produceCall) serveStream() error {
	x := p.x
	p.arrivals = new(arrivals)
	p.arrivals.pending.Store(1)
	x.conn.reading.Store(true)
	r := wire.NewStreamReader(x.stream, x.version >= x.api.flexible)
	err := p.decode(&r)
	x.conn.reading.Store(false)
	if left := x.stream.Left(); err == nil && left > 0 {
		err = x.stream.Skip(left) // Kafka ignores bytes after a request, too
	}
	x.conn.server.windows.Close(x.stream)
	if err != nil {
		p.arrivals.served.Wait() // the caller releases the exchange when it gets the error
		return err
	}
	x.later = p
	x.silent = p.req.Acks == 0
	p.countDown()
	return nil
}

// serveArrival reads one partition's batch from the stream and has it appended.
func (p *produceCall) serveArrival(r *wire.Reader, at replicas.ProducePartition) error {
	x := p.x
	a := &arrival{call: p}
	size := r.Length()
	if size < -1 || size > r.Left() {
		r.Fail()
	}
	if r.Bad() {
		return failure(r, x.malformed(wire.ErrMalformed))
	}
	most := x.conn.server.limits.RequestMemory
	fits := int64(size) <= most
	switch {
	case !fits:
		if err := r.Stream().Skip(size); err != nil {
			return err
		}
	case size >= 0:
		if size > 0 {
			if err := x.conn.read(&a.frame, r.Stream().Lend(size), size); err != nil {
				return err
			}
		}
		at.Records = a.frame.bytes()
	}
	r.Tags(nil)
	if r.Bad() {
		a.frame.release()
		return failure(r, x.malformed(wire.ErrMalformed))
	}
	p.arrivals.all = append(p.arrivals.all, a)
	if fits {
		a.part[0] = at
		p.hand(a)
		return nil
	}
	at.BaseOffset, at.LogAppendTime, at.LogStartOffset = -1, -1, -1
	at.Err = fault.New(fault.MessageTooLarge,
		"The record batch of partition %d has %d bytes, and this broker's memory allows %d.",
		at.Partition, size, most)
	a.part[0] = at
	return nil
}

// hand passes a to the service.
func (p *produceCall) hand(a *arrival) {
	x := p.x
	a.req.Acks, a.req.Timeout, a.req.TransactionalID = p.req.Acks, p.req.Timeout, p.req.TransactionalID
	a.req.ClientID, a.req.UsesTopicIDs, a.req.Parse = p.req.ClientID, p.req.UsesTopicIDs, p.req.Parse
	a.req.Partitions, a.req.Done = a.part[:], a.done
	p.arrivals.pending.Add(1)
	p.arrivals.served.Add(1)
	x.conn.reading.Store(false)
	defer x.conn.reading.Store(true)
	defer func() {
		if v := recover(); v != nil { // the service may still use the batch, so its memory is not reused
			if a.returned.CompareAndSwap(false, true) {
				a.frame.lease.Return()
			}
			panic(v)
		}
	}()
	x.services().Produce.Produce(x.ctx, &a.req)
}

// done is called by the service when a has its answer.
func (a *arrival) done() {
	if a.returned.CompareAndSwap(false, true) {
		a.part[0].Records = nil
		a.frame.release()
	}
	p := a.call
	all := p.arrivals
	p.countDown()
	all.served.Done()
}

// countDown completes the answer when the last pending partition has its answer.
func (p *produceCall) countDown() {
	if p.arrivals.pending.Add(-1) > 0 {
		return
	}
	for _, a := range p.arrivals.all {
		p.req.Partitions = append(p.req.Partitions, a.part[0])
	}
	p.done()
}
