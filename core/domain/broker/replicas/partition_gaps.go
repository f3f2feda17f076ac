package replicas

import (
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/fault"
)

// gapPatience is how long a batch that is missing may be on its way yet: as long as producers wait for an answer
// (request.timeout.ms).
const gapPatience = 30 * time.Second

// refused is a refusal after which the producer sends its batch again.
type refused struct {
	err   error
	until time.Duration // when what was refused is no longer expected, in the time that the replica counts in
}

// refuse notes that a batch was refused for a reason that passes.
func (p *Partition) refuse(err error) {
	p.missing.Store(&refused{err: err, until: p.now() + gapPatience})
}

// orWhatIsMissing returns why a batch before was refused, when err says that one is missing that its producer is about to send
// again: because it was refused here, or because it has gone to the leader before. Kafka answers that the sequence is out of
// order. librdkafka takes that for a gap that it has to leave behind: it goes on in a new producer epoch, in which all
// that is under way, to other partitions as well, is sent again and not known for duplicates.
func (p *Partition) orWhatIsMissing(err error) error {
	if !errors.Is(err, fault.OutOfOrderSequence) {
		return err
	}
	if p.crowded.Load() && p.space.refuses(useOf(p.topic)) {
		return p.space.refusal.Load()
	}
	if r := p.missing.Load(); r != nil && p.now() < r.until {
		return r.err
	}
	return err
}
