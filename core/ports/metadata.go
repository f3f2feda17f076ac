// Package ports holds the interfaces through which the domain's services use the outside world: the store of the
// metadata, the logs of records, the disk, the clock and the other brokers. Each interface is as small as its consumers
// need it. An interface that only one service uses stands beside that service instead.
//
// The comments are the contracts: which errors there are, which goroutines may call what, who owns buffers, and what is
// durable on return. MetadataStore, LogStore, Heartbeats and ReplicaFetcher each have a contract suite in porttest,
// which every adapter runs, and so do the implementations in memory that tests use.
package ports

import (
	"context"
	"iter"

	"github.com/chronik-stream/chronik/core/domain/metadata"
)

// MetadataStore keeps the cluster's metadata. Its methods may be called concurrently.
type MetadataStore interface {
	// Apply makes cmd durable (clustered: committed), applies it and returns its result. It returns a *fault.Error when a
	// rule forbids cmd, which then changes nothing, and ctx.Err() when ctx ends first: cmd may then still be applied.
	Apply(ctx context.Context, cmd metadata.Command) (metadata.Result, error)
	// Image returns the newest image applied on this node. It never blocks, and the image never changes.
	Image() *metadata.Image
	// Barrier returns when Image is at least as new as every Apply that had returned, on any node, before Barrier was
	// called. It waits for answers of a majority of the nodes. So if Leadership is local in the same term before Barrier
	// is called and after it has returned nil, this node has led at a moment in between.
	Barrier(ctx context.Context) error
	// Watch yields the current image and then each newer one until ctx ends. A slow reader skips images and never blocks
	// the store.
	Watch(ctx context.Context) iter.Seq[*metadata.Image]
	// Leadership returns the node that leads the metadata. Standalone it is always this one.
	Leadership() Leadership
	// Close releases the store. A second Close does nothing.
	Close() error
}

// Leadership is what a node knows about the metadata's leader.
type Leadership struct {
	Local  bool   // this node is the leader
	NodeID int32  // the leader's node id, -1 if none is known
	Term   uint64 // rises with each election; there is one leader per term. 0 standalone and while no leader is known
}
