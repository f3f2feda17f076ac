package topics

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// producerIDBlock is how many producer ids are reserved in metadata at once, as in Kafka. What is left of a block is
// lost when the broker stops, so that no id is ever given twice.
const producerIDBlock = 1000

// noProducerID and noProducerEpoch stand for none in an InitProducerId.
const (
	noProducerID    = -1
	noProducerEpoch = -1
)

// InitProducerID gives an idempotent producer its id and epoch. As in Kafka, a producer without transactional id gets a
// new id at epoch 0 always, also when it comes with the pair that it has (KIP-360): only the coordinator of its
// transactional id could know that pair. The error is fault.InvalidRequest for half a pair.
func (c *Cluster) InitProducerID(ctx context.Context, id int64, epoch int16) (newID int64, newEpoch int16, err error) {
	if (id == noProducerID) != (epoch == noProducerEpoch) {
		return noProducerID, noProducerEpoch, fault.New(fault.InvalidRequest, "producer id %d with epoch %d: both are needed, or none", id, epoch)
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
	turn  chan struct{} // of size 1: a lock that can be waited for with a context
	left  metadata.Block
}

func newProducerIDs(store ports.MetadataStore) *producerIDs {
	return &producerIDs{store: store, turn: make(chan struct{}, 1)}
}

// next returns an id that no producer has had.
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
