package coordinator

import (
	"context"
	"errors"
	"time"

	"github.com/chronik-stream/chronik/core/domain/record"
)

// ErrForeign is returned by Machine.Decode for a record that has to be skipped: its kind is unknown, since a newer
// broker has written it.
var ErrForeign = errors.New("a record of another kind")

// Record is a record of the internal topic in Kafka's format.
type Record interface {
	Key() []byte
	Value() []byte // nil for a tombstone
}

// State is the state of one key. Its methods are called under the lock of its shard, or while its partition is loaded,
// when only the goroutine that loads it knows the state.
type State interface {
	// Wake returns when Machine.Expire has to be called, at the latest; the zero time for never.
	Wake() time.Time
	// Size estimates how many bytes of memory the state takes.
	Size() int
	// Vacant reports whether the state may be dropped: it is empty, and no records of it are in the log or about to be
	// written.
	Vacant() bool
	// Dead reports whether the state has ended. Its last records may not be durable yet. Step and Update do not find it,
	// and a new state may take its key; View and Each do.
	Dead() bool
}

// Machine is the state machine of one kind of coordinator. Its functions must not wait, and must not call the Runtime.
// Decode, Load, Apply, and EndTxn for a marker that is read, are called without a lock while a partition is loaded, by
// one goroutine, on states that nobody else knows yet. All else is called under the lock of the state's shard.
type Machine[S State, R Record] struct {
	// Topic is the name of the internal topic.
	Topic string
	// New returns the state of a key without records in the log.
	New func(key string) S
	// Load returns the state of a key that a record was read for. Apply and Restore follow.
	Load func(key string) S
	// Decode decodes a record and returns the key that it belongs to. An error other than ErrForeign means that the
	// record is damaged, and the partition cannot be loaded.
	Decode func(key, value []byte) (of string, r R, err error)
	// Apply applies a record to a state while the log is being loaded.
	Apply func(s S, r R, from Origin)
	// Restore is called for each state after its partition was loaded.
	Restore func(ctx context.Context, e *Entry[S, R])
	// Expire is called at a time that State.Wake has returned, even if Wake returns a later one by then.
	Expire func(ctx context.Context, e *Entry[S, R])
	// Abandon is called when the shard is unloaded, because another broker coordinates the key or the log has to be
	// loaded again. It answers the requests that wait for the state with err. Later changes of the state have no effect.
	// It may be called more than once for a state whose key another has taken.
	Abandon func(s S, err error)
	// EndTxn is called when the marker that ends a producer's transaction is durable, for each state with records in the
	// transaction. nil if transactions do not write to the topic.
	EndTxn func(s S, producerID int64, committed bool)
}

// Origin is where a record comes from.
type Origin struct {
	Offset   int64
	Producer int64 // the producer whose transaction the record is part of; record.NoProducerID for none
}

// Write holds records that a state writes together.
type Write[R Record] struct {
	Records []R
	// Producer is the producer whose transaction the records are part of, nil for none.
	Producer *record.Producer
	// Written is called under the shard's lock when the records are durable; offset is that of the first one. It is not
	// called if the state is abandoned before. It may be nil.
	Written func(ctx context.Context, offset int64)
}
