package lifecycle

import (
	"errors"
	"strings"
	"testing"

	"github.com/chronik-stream/chronik/core/ports"
)

func TestADirectoryIsRefusedUnlessItIsEmptyOrOfTheSameKindOfBroker(t *testing.T) {
	const noMetadata = "holds the records of 6 partitions, a-0, a-1, a-2, a-3, a-4 among them, but no metadata"
	const replace = "chronik-server cluster replace-node"
	all := func() ([]ports.LogID, error) {
		var logs []ports.LogID
		for p := range int32(6) {
			logs = append(logs, ports.LogID{Topic: "a", Partition: p})
		}
		return logs, nil
	}
	none := func() ([]ports.LogID, error) { return nil, nil }
	for name, c := range map[string]struct {
		found Directory
		kind  MetadataKind
		wants []string // of the refusal
	}{
		"a new one, of a broker":    {Directory{Logs: none}, WALMetadata, nil},
		"a new one, with a file":    {Directory{Logs: none}, FileMetadata, nil},
		"a new one, of a node":      {Directory{Logs: none}, NodeMetadata, nil},
		"its own, of a broker":      {Directory{WAL: true, Logs: all}, WALMetadata, nil},
		"its own, with a file":      {Directory{File: true, Logs: all}, FileMetadata, nil},
		"its own, of a node":        {Directory{WAL: true, Raft: true, Logs: all}, NodeMetadata, nil},
		"a first start was ended":   {Directory{Raft: true, Logs: none}, NodeMetadata, nil},
		"records alone, of a file":  {Directory{Logs: all}, FileMetadata, []string{noMetadata}},
		"records alone, of the WAL": {Directory{Logs: all}, WALMetadata, []string{noMetadata}},
		"records alone, of a node":  {Directory{Logs: all}, NodeMetadata, []string{noMetadata, replace}},
		"a node without metadata":   {Directory{Raft: true, Logs: all}, NodeMetadata, []string{noMetadata, replace}},
		"a file for the WAL": {
			Directory{File: true, Logs: none}, WALMetadata, []string{"use_wal_metadata = false", "metadata migrate"},
		},
		"the WAL for a file": {
			Directory{WAL: true, Logs: none}, FileMetadata, []string{"use_wal_metadata = true", "metadata migrate"},
		},
		"both, for the WAL": {
			Directory{WAL: true, File: true, Logs: all}, WALMetadata, []string{"metadata of both kinds", "metadata dump"},
		},
		"both, for a file": {
			Directory{WAL: true, File: true, Logs: all}, FileMetadata, []string{"metadata of both kinds", "metadata dump"},
		},
		"a file for a node": {
			Directory{File: true, Logs: all}, NodeMetadata, []string{"a broker without a cluster", "another directory"},
		},
		"the WAL for a node": {
			Directory{WAL: true, Logs: none}, NodeMetadata, []string{"a broker without a cluster", "another directory"},
		},
	} {
		err := c.found.Check(c.kind)
		if (err == nil) != (c.wants == nil) {
			t.Errorf("%s: Check() = %v", name, err)
		}
		for _, want := range c.wants {
			if err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Check() = %v, want %q", name, err, want)
			}
		}
	}
	alone, node := Directory{WAL: true}, Directory{WAL: true, Raft: true}
	if err := alone.CheckReplaceable(); err != nil {
		t.Errorf("of a broker: CheckReplaceable() = %v", err)
	}
	if err := node.CheckReplaceable(); err == nil || !strings.Contains(err.Error(), replace) {
		t.Errorf("of a node: CheckReplaceable() = %v", err)
	}
	failed := errors.New("the disk fails")
	unreadable := Directory{Logs: func() ([]ports.LogID, error) { return nil, failed }}
	if err := unreadable.Check(NodeMetadata); !errors.Is(err, failed) {
		t.Errorf("a directory that cannot be read: Check() = %v", err)
	}
}
