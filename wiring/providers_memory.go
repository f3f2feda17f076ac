package wiring

import (
	"context"
	"time"

	"github.com/google/wire"

	"github.com/chronik-stream/chronik/adapters/memstore"
	"github.com/chronik-stream/chronik/adapters/seglog"
	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/ports"
)

// memorySet provides a broker without a cluster that keeps nothing on disk: metadata and records are in memory and are
// lost when it stops.
var memorySet = wire.NewSet(
	aloneSet, serviceSet, serverSet, wire.Struct(new(parts), "*"),
	newNodeID, noDataDir, replicas.NewEndlessSpace, newDecompression,
	wire.Struct(new(memoryLogNeeds), "*"), openMemoryLogs,
	openMemoryStore, registerInMemory, wire.FieldsOf(new(registered[*memstore.Store]), "Store", "Epoch"),
	wire.Bind(new(ports.MetadataStore), new(*memstore.Store)),
)

// noDataDir returns the text that clients see as the data directory of a broker without one.
func noDataDir() dataDir { return dataDir{"memory"} }

// openMemoryStore creates an empty metadata store.
func openMemoryStore(node nodeID) (unregistered[*memstore.Store], func()) {
	store := memstore.Open(new(metadata.Image), int32(node))
	return unregistered[*memstore.Store]{store}, func() { _ = store.Close() } // closing it cannot fail
}

// registerInMemory registers this broker in the store in memory.
func registerInMemory(
	ctx context.Context, opened unregistered[*memstore.Store], n registerNeeds,
) (registered[*memstore.Store], error) {
	epoch, err := n.register(ctx, opened.store)
	return registered[*memstore.Store]{opened.store, epoch}, err
}

// memoryJournal is the size of a file of the journal in memory, in bytes. There are at most two, and none unless a
// topic asks for a sync before each acknowledgement: otherwise a broker in memory does not use the journal.
const memoryJournal = 1 << 20

// memoryLogNeeds is what openMemoryLogs needs.
type memoryLogNeeds struct {
	Config        *configs.Config
	Dir           dataDir
	Synced        func(time.Duration)
	Decompression *record.Budget
	Log           Logging
	Steps         *Progress
}

// openMemoryLogs creates an empty record store.
func openMemoryLogs(ctx context.Context, n memoryLogNeeds) (ports.LogStore, func(), error) {
	memory := sharesOf(n.Config.Memory)
	store, err := seglog.Open(ctx, seglog.Options{
		Dir: n.Dir.path, FS: disk.Memory(), CleanerMemory: int(memory.compaction), Log: n.Log.Logger,
		FlushInterval: n.Config.FlushInterval,
		Decompression: n.Decompression,
		Journal:       journal.Options{FileBytes: memoryJournal, MaxFiles: 2, Synced: n.Synced},
	})
	if err != nil {
		return nil, nil, err
	}
	return store, closing(n.Steps, n.Log.Logger, "record store", store.Close), nil
}
