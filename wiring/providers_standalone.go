//go:build !raft

package wiring

import (
	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/core/ports"
)

// metadataSet binds the services' metadata to this broker's own store.
var metadataSet = wire.NewSet(standaloneSet, wire.Bind(new(ports.MetadataStore), new(*walstore.Store)))
