package lifecycle

import (
	"fmt"
	"strings"

	"github.com/chronik-stream/chronik/core/domain/metadata"
	"github.com/chronik-stream/chronik/core/ports"
)

// MetadataKind is how a broker keeps its metadata in its data directory.
type MetadataKind uint8

// The kinds of metadata.
const (
	WALMetadata  MetadataKind = iota // of a standalone broker, in the write-ahead store
	FileMetadata                     // of a standalone broker, in one JSON file
	NodeMetadata                     // of a node of a cluster: replicated by Raft, in the write-ahead store
)

// Directory is what a broker finds in its data directory before it opens or creates anything there.
type Directory struct {
	Path string
	WAL  bool // there is a write-ahead store, or a part of one
	File bool // there is metadata in a JSON file
	Raft bool // there is the raft directory of a node
	Logs func() ([]ports.LogID, error)
}

// Check returns an error if a broker with this kind of metadata must not start in the directory. It refuses metadata of
// another kind, or of two, of which one is older, and logs without the metadata that says whose they are: a broker
// removes logs that its metadata does not have as those of deleted topics. It can be relied upon because a broker
// creates its metadata before its first log, and a node its raft directory before its metadata.
func (d *Directory) Check(kind MetadataKind) error {
	switch {
	case kind != NodeMetadata && d.File && d.WAL:
		return fmt.Errorf(
			"data directory %s holds metadata of both kinds, as after a `chronik-server metadata migrate` that was ended "+
				"in between. Look at each with `chronik-server metadata dump`, and move the older one to another directory",
			d.Path,
		)
	case kind == WALMetadata && d.File, kind == FileMetadata && d.WAL:
		return fmt.Errorf(
			"data directory %s keeps its metadata with use_wal_metadata = %t: set that, or move it with "+
				"`chronik-server metadata migrate`",
			d.Path, kind == FileMetadata,
		)
	case kind == NodeMetadata && d.File && !d.WAL:
		return fmt.Errorf(
			"data directory %s is that of a broker without a cluster, which keeps its metadata with "+
				"use_wal_metadata = false: use another directory for a node of a cluster",
			d.Path,
		)
	case kind == NodeMetadata && d.WAL && !d.Raft:
		return fmt.Errorf(
			"data directory %s holds metadata, but no raft directory: it is that of a broker without a cluster, or of a "+
				"node whose raft directory is lost. Use another directory; a node whose raft directory is lost is replaced "+
				"with `chronik-server cluster replace-node`",
			d.Path,
		)
	case kind == FileMetadata && d.File, kind != FileMetadata && d.WAL:
		return nil
	}
	return d.checkNoLogs(kind)
}

// CheckReplaceable returns an error if the metadata in the directory must not be restored from a snapshot or moved to
// another kind of store. A node's metadata is what the nodes of its cluster have agreed on: with metadata of its own it
// could not take part any more.
func (d *Directory) CheckReplaceable() error {
	if !d.Raft {
		return nil
	}
	return fmt.Errorf(
		"data directory %s is that of a node of a cluster, whose metadata the other nodes have: nothing was changed. "+
			"A node whose metadata is damaged is replaced with `chronik-server cluster replace-node`",
		d.Path,
	)
}

// checkNoLogs refuses logs in a directory without metadata.
func (d *Directory) checkNoLogs(kind MetadataKind) error {
	err := checkNoLogs(d.Logs)
	switch {
	case err == nil:
		return nil
	case kind == NodeMetadata:
		return fmt.Errorf(
			"%w. A node whose metadata is lost is replaced with `chronik-server cluster replace-node`, "+
				"by one with an empty data directory", err,
		)
	}
	return err
}

// CheckDirectory returns an error if the standalone broker nodeID cannot start with these metadata and logs. It refuses
// metadata of another broker, and logs beside metadata that was opened and is empty.
func CheckDirectory(img *metadata.Image, logs ports.LogStore, nodeID int32) error {
	if err := CheckLogs(img, logs); err != nil {
		return err
	}
	for b := range img.Brokers() {
		if b.ID != nodeID {
			return fmt.Errorf(
				"the data directory is that of broker %d, and this one is to be broker %d: set kafka.\"node.id\" = %d, or "+
					"use another directory",
				b.ID, nodeID, b.ID,
			)
		}
	}
	return nil
}

// CheckLogs refuses logs beside metadata that was opened and belongs to no cluster yet.
func CheckLogs(img *metadata.Image, logs ports.LogStore) error {
	if img.ClusterID() != "" {
		return nil
	}
	return checkNoLogs(logs.Stored)
}

// namedLogs is how many logs a refusal names.
const namedLogs = 5

// checkNoLogs returns an error that names logs, if there are any.
func checkNoLogs(list func() ([]ports.LogID, error)) error {
	logs, err := list()
	if err != nil {
		return fmt.Errorf("look for records: %w", err)
	}
	if len(logs) == 0 {
		return nil
	}
	var names []string
	for _, id := range logs[:min(namedLogs, len(logs))] {
		names = append(names, fmt.Sprintf("%s-%d", id.Topic, id.Partition))
	}
	return fmt.Errorf(
		"the data directory holds the records of %d partitions, %s among them, but no metadata: "+
			"bring that back, or use another directory",
		len(logs), strings.Join(names, ", "),
	)
}
