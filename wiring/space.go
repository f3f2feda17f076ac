package wiring

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/chronik-stream/chronik/adapters/diskspace"
	"github.com/chronik-stream/chronik/adapters/walstore"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/replicas"
	"github.com/chronik-stream/chronik/core/domain/space"
)

// openSpace measures the data directory's disk and allocates the reserve, before anything else is written there.
// Without a reserve, which only Embedding.NoReserve allows, the disk counts as endless.
func openSpace(cfg *configs.Config, dir dataDir, log *slog.Logger) (*replicas.Space, func(), error) {
	if cfg.Disk.Reserve == 0 {
		return replicas.NewEndlessSpace(log), func() {}, nil
	}
	tables, err := walstore.TableBytes(dir.path)
	if err != nil {
		return nil, nil, fmt.Errorf("size of the metadata: %w", err)
	}
	disk, err := diskspace.Open(dir.path)
	if err != nil {
		return nil, nil, err
	}
	s, err := replicas.NewSpace(space.NewRule(cfg.Disk.Reserve, tables), disk, log)
	if err != nil {
		_ = disk.Close() // nothing was written
		return nil, nil, err
	}
	return s, func() { _ = disk.Close() }, nil
}

// measureSpace returns the gauges of the disk's space.
func measureSpace(s *replicas.Space) []gauge {
	return []gauge{
		{
			"chronik.disk.space",
			"Bytes of the data directory's disk: free ones, and those that the reserve holds.",
			"By",
			"kind",
			func(_ context.Context, report func(string, int64)) {
				d := s.Disk()
				report("free", d.Free)
				report("reserve", d.Held)
			},
		},
		{
			"chronik.disk.refusing",
			"1 while records are refused because the disk is full, or gone; 0 while they are taken.",
			"",
			"",
			func(_ context.Context, report func(string, int64)) {
				refusing := int64(0)
				if s.Refusal() != nil {
					refusing = 1
				}
				report("", refusing)
			},
		},
	}
}
