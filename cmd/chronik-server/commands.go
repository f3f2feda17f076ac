package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/chronik-stream/chronik/wiring"
)

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(p *process) error {
	_, err := fmt.Fprintf(p.stdout, "chronik-server %s\n", wiring.Version())
	return err
}

type configCmd struct{}

// Run prints the configuration.
func (configCmd) Run(p *process, s *settings) error {
	cfg, err := s.load(p.environ)
	if err != nil {
		return err
	}
	return cfg.Print(p.stdout)
}

type metadataCmd struct {
	Dump    dumpCmd    `cmd:"" help:"Print the metadata as JSON."`
	Restore restoreCmd `cmd:"" help:"Create a damaged metadata store again from a snapshot. The old one is kept beside it. A store that is not damaged is left alone."`
	Migrate migrateCmd `cmd:"" help:"Move the metadata from one kind of store into the other. The old one is kept beside it."`
}

type dumpCmd struct{}

// Run prints the metadata.
func (dumpCmd) Run(p *process, s *settings) error {
	return withTools(p, s, func(t *wiring.MetadataTools) error { return t.Dump(p.stdout) })
}

type restoreCmd struct {
	Snapshot string `placeholder:"FILE" help:"The snapshot to take. Without it: the newest valid one in metalog_snapshots."`
	Force    bool   `help:"Go back to the snapshot although the store is not damaged and holds more: what came after the snapshot is lost."`
}

// Run restores the metadata.
func (c *restoreCmd) Run(p *process, s *settings) error {
	return withTools(p, s, func(t *wiring.MetadataTools) error {
		done, err := t.Restore(c.Snapshot, c.Force)
		if err != nil {
			return err
		}
		return printRestored(p.stdout, &done)
	})
}

type migrateCmd struct {
	To string `required:"" enum:"wal,file" help:"The kind of store to move into: wal (use_wal_metadata = true) or file (false)."`
}

// Run migrates the metadata.
func (c *migrateCmd) Run(p *process, s *settings) error {
	return withTools(p, s, func(t *wiring.MetadataTools) error {
		toWAL := c.To == "wal"
		done, err := t.Migrate(toWAL)
		if err != nil {
			return err
		}
		return printMigrated(p.stdout, done, toWAL)
	})
}

// withTools runs do on the metadata of the data directory.
func withTools(p *process, s *settings, do func(*wiring.MetadataTools) error) error {
	cfg, err := s.load(p.environ)
	if err != nil {
		return err
	}
	tools, err := wiring.OpenMetadataTools(cfg, slog.New(slog.NewTextHandler(p.stderr,
		&slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	defer tools.Close()
	return do(tools)
}

// printRestored writes what a restoration has done, and what it has cost.
func printRestored(w io.Writer, r *wiring.MetadataRestored) error {
	for _, skipped := range r.Skipped {
		fmt.Fprintf(w, "skipped: %v\n", skipped)
	}
	_, err := fmt.Fprintf(w,
		"restored from %s, which holds all up to command %d; what came later is lost: topics, configs and deletions\n"+
			"the next start keeps the records of partitions that the restored metadata does not know, "+
			"in directories that end in -stray, and logs each\n",
		r.Snapshot, r.Index)
	if r.Aside != "" && err == nil {
		_, err = fmt.Fprintf(w, "the old database is kept in %s\n", r.Aside)
	}
	return err
}

// printMigrated writes what was migrated, and how to start the broker from now on.
func printMigrated(w io.Writer, m wiring.MetadataMigrated, toWAL bool) error {
	_, err := fmt.Fprintf(w, "migrated %s with %s; the old store is kept in %s\n"+
		"start the broker with use_wal_metadata = %t from now on\n",
		counted(m.Topics, "topic"), counted(m.Partitions, "partition"), m.Aside, toWAL)
	return err
}
