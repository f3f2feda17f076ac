//go:build raft

package wiring

import (
	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/core/ports"
)

// metadataSet binds the services' metadata to the store that the nodes of a cluster replicate by Raft.
var metadataSet = wire.NewSet(nodeSet, wire.Bind(new(ports.MetadataStore), new(*raftmeta.Store)))

// standaloneMetadataSet is metadataSet without the tag, because this binary also runs without a cluster.
var standaloneMetadataSet = wire.NewSet(standaloneSet, wire.Bind(new(ports.MetadataStore), new(*walstore.Store)))
