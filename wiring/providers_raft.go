//go:build raft

package wiring

import (
	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/raftmeta"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/core/ports"
)

// metadataSet has the services depend on metadata that the nodes of a cluster agree on by Raft.
var metadataSet = wire.NewSet(nodeSet, wire.Bind(new(ports.MetadataStore), new(*raftmeta.Store)))

// standaloneMetadataSet is what metadataSet is without the tag: this binary runs without a cluster, too.
var standaloneMetadataSet = wire.NewSet(standaloneSet, wire.Bind(new(ports.MetadataStore), new(*walstore.Store)))
