// Package ports holds the interfaces through which the domain's services reach the world: where metadata is kept,
// where records are stored, what space the disk has, how other brokers are asked. Each is as small as its consumer needs it.
// The stores of metadata and of records, heartbeats and the fetching of records each have one contract suite in porttest,
// which every adapter runs.
package ports

import (
	"context"
	"iter"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// MetadataStore keeps the cluster's metadata. Its methods may be called concurrently.
type MetadataStore interface {
	// Apply makes cmd durable (clustered: committed), applies it and returns what it produced. It
	// returns a *fault.Error when a rule forbids cmd, which then changed nothing, and ctx.Err()
	// when ctx ends first: cmd may then still be applied.
	Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error)
	// Image returns the newest image applied here. It never blocks, and the image never changes.
	Image() *metadata.Image
	// Barrier returns when Image is at least as new as every Apply that had returned, on any node,
	// before Barrier was called. A majority of the nodes has answered for that: if Leadership is local in the same term
	// before Barrier is called and after it has returned nil, this node has led at a moment in between.
	Barrier(ctx context.Context) error
	// Watch yields the current image and then each newer one until ctx ends. A slow reader skips
	// images and never blocks the store.
	Watch(ctx context.Context) iter.Seq[*metadata.Image]
	// Leadership says which node may Apply. Standalone it is always this one.
	Leadership() Leadership
	// Close releases the store. A second Close does nothing.
	Close() error
}

// Leadership is what a node knows of the metadata's leader.
type Leadership struct {
	Local  bool   // this node is the leader
	NodeID int32  // the leader's node id, -1 when none is known
	Term   uint64 // rises with each election, so that no two nodes lead in one; 0 standalone and while no leader is known
}
