package seglog

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/chronik-stream/chronik/adapters/seglog/disk"
	"github.com/chronik-stream/chronik/adapters/seglog/journal"
	"github.com/chronik-stream/chronik/core/domain/record"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// Options are the store's settings; zero values take the defaults, but for those of the journal.
type Options struct {
	Dir           string         // the data directory
	FlushInterval time.Duration  // how long a write to a log with ports.FlushInterval stays unsynced at the most
	MaxOpenFiles  int            // files that are kept open between uses: 1024
	CleanerMemory int            // bytes for the keys of one compaction: 16 MiB
	Decompression *record.Budget // for batches that are decompressed; nil is for no bound
	Journal       journal.Options
	FS            disk.FS
	Log           *slog.Logger
	Space         Space // nil: there is always enough
}

// Space knows what may yet be written to the disk.
type Space interface {
	// Room returns nil when n bytes may be written for the use, and there is room for them.
	Room(use space.Use, n int64) error
	// Spare reports whether n bytes may be allocated for what is not needed, but useful. It returns at once.
	Spare(n int64) bool
	// Refusal returns why clients' records are refused, nil while they are taken.
	Refusal() error
}

// endless is the space of a store whose disk is not watched.
type endless struct{}

func (endless) Room(space.Use, int64) error { return nil }
func (endless) Spare(int64) bool            { return true }
func (endless) Refusal() error              { return nil }

func (o Options) withDefaults() Options {
	o.Dir = filepath.Clean(o.Dir)
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = 1024
	}
	if o.CleanerMemory == 0 {
		o.CleanerMemory = 16 << 20
	}
	if o.FS == nil {
		o.FS = disk.OS()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Space == nil {
		o.Space = endless{}
	} else {
		o.FS = disk.Lending(o.FS, func(bytes int64) error { return o.Space.Room(space.Agreed, bytes) })
	}
	o.Journal.Log = o.Log
	o.Journal.Spare = o.Space.Spare
	return o
}
