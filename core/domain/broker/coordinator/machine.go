package coordinator

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// ErrForeign is what Machine.Decode returns for a record that is to be skipped: one of a kind that the coordinator
// does not know, as a newer broker may have written.
var ErrForeign = errors.New("a record of another kind")

// Record is a record of the internal topic in Kafka's format.
type Record interface {
	Key() []byte
	Value() []byte // nil for a tombstone
}

// State is what is kept under one key. Its methods are called under the lock of its shard.
type State interface {
	// Wake returns when Machine.Expire is to be called; the zero time for never. It may be earlier than needed.
	Wake() time.Time
	// Size returns about how many bytes of memory the state takes.
	Size() int
	// Vacant reports whether the state may be forgotten: there is nothing of it in the log, on its way there, or in
	// memory.
	Vacant() bool
	// Dead reports whether the state has ended, though its last records may still be on their way to the log.
	// Requests do not find it, and a new state may take its key.
	Dead() bool
}

// Machine is the state machine of one kind of coordinator. All of its functions but Decode are called under the lock
// of the state's shard: they must not wait, and must not call the Runtime.
type Machine[S State, R Record] struct {
	// Topic is the name of the internal topic.
	Topic string
	// New returns the state of a key that the log does not know.
	New func(key string) S
	// Load returns the state of a key of which a record has been read. Apply and Restore follow.
	Load func(key string) S
	// Decode reads a record and says which key it is about. An error other than ErrForeign means that the record is
	// damaged, and the partition cannot be loaded.
	Decode func(key, value []byte) (of string, r R, err error)
	// Apply changes a state by a record of the log that is being loaded.
	Apply func(s S, r R, from Origin)
	// Restore is called for each state when its partition has been loaded.
	Restore func(ctx context.Context, e *Entry[S, R])
	// Expire is called when the time has come that State.Wake returned, even if Wake returns a later one by now.
	Expire func(ctx context.Context, e *Entry[S, R])
	// Abandon is called when the state is given up, as another broker coordinates it, or the log is to be read again.
	// It answers the requests that wait for the state with err; what the state does afterwards has no effect.
	Abandon func(s S, err error)
	// EndTxn is called when the log has the marker that ends a producer's transaction, for each state with records in
	// it. nil if transactions do not write to the topic.
	EndTxn func(s S, producerID int64, committed bool)
}

// Origin is where a record stands in the log.
type Origin struct {
	Offset   int64
	Producer int64 // whose transaction decides on the record; record.NoProducerID if none does
}

// Write is records that a state has written. They are ordered in the log together.
type Write[R Record] struct {
	Records []R
	// Producer is whose transaction decides on the records, nil for none.
	Producer *record.Producer
	// Written is called under the shard's lock when the records are durable, the first of them at offset. It is not
	// called if the state is abandoned first. nil when there is nothing left to do.
	Written func(ctx context.Context, offset int64)
}
