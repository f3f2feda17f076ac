package replicas

import (
	"cmp"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/record"
)

// gapPatience is how long a refused batch is expected to be sent again: as long as producers wait for an answer
// (request.timeout.ms).
const gapPatience = 30 * time.Second

// refused is a refusal after which the producer sends its batch again.
type refused struct {
	err   error
	until time.Duration // when the batch is no longer expected, in replica time
}

// refuse records that a batch was refused with a retriable error.
func (p *Partition) refuse(err error) {
	p.missing.Store(&refused{err: err, until: p.now() + gapPatience})
}

// gapError replaces err, if it is fault.OutOfOrderSequence, by the error with which an earlier batch was refused. The
// producer is then about to send the missing batch again: it was refused here, or was sent to the previous leader.
//
// Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER in this case. librdkafka takes that for a permanent gap and goes on in a
// new producer epoch, in which it sends all its outstanding batches again, to other partitions as well. They are then
// not recognised as duplicates.
func (p *Partition) gapError(err error) error {
	if !errors.Is(err, fault.OutOfOrderSequence) {
		return err
	}
	return cmp.Or(p.awaited(), err)
}

// gapBefore returns an error when batches of b's producer are expected before b although the producer is not known
// here: its first batches were refused, or were sent to the previous leader. If b were appended, they would be out of
// order for ever. A producer that was forgotten cannot be told from that, and has to wait as well.
//
// Kafka takes any first sequence of an unknown producer. Called with order and tail held: an election is either seen,
// or comes after b.
func (p *Partition) gapBefore(b record.Batch) error {
	err := p.awaited()
	if err == nil || !p.state.Producers.StartsAmid(b) {
		return nil
	}
	return err
}

// awaited returns the error with which a batch was refused that is still expected to be sent again, nil if there is
// none.
func (p *Partition) awaited() error {
	if r := p.missing.Load(); r != nil && p.now() < r.until {
		return r.err
	}
	return nil
}
