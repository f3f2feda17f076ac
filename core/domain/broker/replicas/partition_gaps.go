package replicas

import (
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
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
	if r := p.missing.Load(); r != nil && p.now() < r.until {
		return r.err
	}
	return err
}
