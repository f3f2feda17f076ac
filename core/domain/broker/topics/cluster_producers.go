package topics

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// producerIDBlock is how many producer ids are reserved in the metadata at once, as in Kafka. The rest of a block is
// lost when the broker stops, so no id is ever given twice.
const producerIDBlock = 1000

// noProducerID and noProducerEpoch mean "none" in an InitProducerId.
const (
	noProducerID    = -1
	noProducerEpoch = -1
)

// InitProducerID gives an idempotent producer its id and epoch. As in Kafka, a producer without a transactional id
// always gets a new id with epoch 0, even if it sends its current id and epoch (KIP-360): only the coordinator of a
// transactional id could know these. The error is fault.InvalidRequest if the producer sends only one of the two.
func (c *Cluster) InitProducerID(ctx context.Context, id int64, epoch int16) (newID int64, newEpoch int16, err error) {
	if (id == noProducerID) != (epoch == noProducerEpoch) {
		return noProducerID, noProducerEpoch, fault.New(fault.InvalidRequest,
			"producer id %d with epoch %d: both are needed, or none", id, epoch)
	}
	newID, err = c.producers.next(ctx)
	if err != nil {
		return noProducerID, noProducerEpoch, err
	}
	return newID, 0, nil
}

// producerIDs hands out producer ids from a block that is reserved in metadata.
type producerIDs struct {
	store ports.MetadataStore
	turn  chan struct{} // of size 1: a lock that can be awaited with a context
	left  metadata.Block
}

func newProducerIDs(store ports.MetadataStore) *producerIDs {
	return &producerIDs{store: store, turn: make(chan struct{}, 1)}
}

// next returns an id that no producer has ever had.
func (p *producerIDs) next(ctx context.Context) (int64, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return noProducerID, ctx.Err()
	}
	if p.left.Count == 0 {
		res, err := p.store.Apply(ctx, metadata.AllocateProducerIDs{Count: producerIDBlock})
		if err != nil {
			return noProducerID, err
		}
		p.left = res.ProducerIDs
	}
	id := p.left.First
	p.left.First++
	p.left.Count--
	return id, nil
}
