// Package producerids gives producers their ids.
//
// A Manager reserves ids in the metadata in blocks, and hands them out one by one. The rest of a block is lost when the
// broker stops, so no id is ever given twice, by whichever broker.
package producerids

import (
	"context"

	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// blockSize is how many producer ids are reserved in the metadata at once, as in Kafka.
const blockSize = 1000

// noID and noEpoch mean "none" in an InitProducerId.
const (
	noID    = -1
	noEpoch = -1
)

// Manager hands out producer ids. Its methods may be called concurrently.
type Manager struct {
	store ports.MetadataStore
	turn  chan struct{} // of size 1: a lock that can be awaited with a context
	left  metadata.Block
}

// New returns a manager that has reserved no ids yet.
func New(store ports.MetadataStore) *Manager {
	return &Manager{store: store, turn: make(chan struct{}, 1)}
}

// InitProducerID gives an idempotent producer its id and epoch. As in Kafka, a producer without a transactional id
// always gets a new id with epoch 0, even if it sends its current id and epoch (KIP-360): only the coordinator of a
// transactional id could know these. The error is fault.InvalidRequest if the producer sends only one of the two, and
// otherwise that of ProducerID.
func (m *Manager) InitProducerID(ctx context.Context, id int64, epoch int16) (newID int64, newEpoch int16, err error) {
	if (id == noID) != (epoch == noEpoch) {
		return noID, noEpoch, fault.New(fault.InvalidRequest,
			"producer id %d with epoch %d: both are needed, or none", id, epoch)
	}
	newID, err = m.ProducerID(ctx)
	if err != nil {
		return noID, noEpoch, err
	}
	return newID, 0, nil
}

// ProducerID returns an id that no producer has ever had. The error is that of the metadata, or of ctx.
func (m *Manager) ProducerID(ctx context.Context) (int64, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return noID, ctx.Err()
	}
	if m.left.Count == 0 {
		res, err := m.store.Apply(ctx, metadata.AllocateProducerIDs{Count: blockSize})
		if err != nil {
			return noID, err
		}
		m.left = res.ProducerIDs
	}
	id := m.left.First
	m.left.First++
	m.left.Count--
	return id, nil
}
