//go:build !raft

package wiring

import (
	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/core/ports"
)

// metadataSet has the services depend on metadata that this broker keeps by itself.
var metadataSet = wire.NewSet(standaloneSet, wire.Bind(new(ports.MetadataStore), new(*walstore.Store)))
