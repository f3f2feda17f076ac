//go:build raft

package raftnode

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// The names in the data directory.
const (
	raftDir   = "raft"
	guardFile = "node.json"
)

// dragonboatFile is where dragonboat records what its directory was made for: among others the host and the address,
// which the guard holds, too.
const dragonboatFile = "dragonboat.ds"

// guard identifies the directory's content. It distinguishes a node's data from another node's, from none, and from an
// older state of the same node.
type guard struct {
	Version     int      `json:"version"`
	ClusterID   string   `json:"cluster_id"`
	NodeID      int32    `json:"node_id"`
	Incarnation []byte   `json:"incarnation"` // 16 random bytes, made with the directory
	Boot        uint64   `json:"boot"`        // rises with each opening, and over the loss of the directory: see firstBoot
	Host        string   `json:"host"`        // dragonboat's directory is named for it
	Address     string   `json:"address"`     // at which the groups' other members know this node
	Groups      []string `json:"groups"`      // of which it has had a replica
	// Founders are the incarnations of the cluster's other first members, as they have reported them.
	Founders map[int32][]byte `json:"founders,omitempty"`
	// VoteClaimed says that the other nodes know this one's incarnation. Earlier versions wrote neither field.
	VoteClaimed bool `json:"vote_claimed,omitempty"`
}

const guardVersion = 1

// Exists reports whether the data directory dir has the raft directory of a node. It changes nothing.
func Exists(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, raftDir, guardFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// openGuard reads the guard in dir, checks that it is this node's, and counts the boot. A directory that is missing or
// empty becomes this node's.
func openGuard(dir string, set Settings) (g guard, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return guard{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		return guard{}, err
	}
	path := filepath.Join(dir, guardFile)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := checkEmpty(dir); err != nil {
			return guard{}, err
		}
		g = guard{
			Version: guardVersion, ClusterID: set.ClusterID, NodeID: set.NodeID, Incarnation: make([]byte, 16),
			Host: host, Address: set.Address, Boot: firstBoot(),
		}
		_, _ = rand.Read(g.Incarnation) // never fails
	case err != nil:
		return guard{}, err
	default:
		in := json.NewDecoder(bytes.NewReader(text))
		in.DisallowUnknownFields()
		if err := in.Decode(&g); err != nil {
			return guard{}, fmt.Errorf("%w: %s cannot be read: %w", ErrLostData, path, err)
		}
		if err := g.check(path, set); err != nil {
			return guard{}, err
		}
		if err := g.moveTo(dir, host); err != nil {
			return guard{}, err
		}
	}
	g.Boot++
	return g, g.write(path)
}

// firstBoot seeds the boot counter of a fresh directory. It must be above every boot of a lost directory. Otherwise, on
// replaying the log, the node would take an old proposal for its own new one and conclude that it may vote.
func firstBoot() uint64 { return uint64(time.Now().UnixNano()) }

// check compares the guard with the settings.
func (g *guard) check(path string, set Settings) error {
	switch {
	case g.Version != guardVersion:
		return fmt.Errorf("%s has version %d, known is %d", path, g.Version, guardVersion)
	case len(g.Incarnation) != 16:
		return fmt.Errorf("%w: %s has an incarnation of %d bytes", ErrLostData, path, len(g.Incarnation))
	case slices.ContainsFunc(slices.Collect(maps.Values(g.Founders)), func(i []byte) bool { return len(i) != 16 }):
		return fmt.Errorf("%w: %s has a founder with an incarnation that is not of 16 bytes", ErrLostData, path)
	case g.ClusterID != set.ClusterID:
		return fmt.Errorf("%w: %s belongs to cluster %q, this is %q", ErrWrongNode, path, g.ClusterID, set.ClusterID)
	case g.NodeID != set.NodeID:
		return fmt.Errorf("%w: %s belongs to node %d, this is node %d", ErrWrongNode, path, g.NodeID, set.NodeID)
	case g.Address != set.Address:
		return fmt.Errorf(
			"%w: the cluster knows node %d at raft address %s, not at %s: set that address, or remove the node and let it "+
				"join again under a new node id",
			ErrWrongNode, g.NodeID, g.Address, set.Address,
		)
	}
	return nil
}

// moveTo renames the data for a host: dragonboat names its subdirectory for the host, and under another name it would
// start without its log and its votes. The next call completes a move that a crash has interrupted.
func (g *guard) moveTo(dir, host string) error {
	if g.Host == host {
		return nil
	}
	err := os.Rename(filepath.Join(dir, g.Host), filepath.Join(dir, host))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move the raft data of host %q to host %q: %w", g.Host, host, err)
	}
	err = os.Remove(filepath.Join(dir, dragonboatFile)) // dragonboat writes a new one
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	g.Host = host
	return syncDir(dir)
}

// write replaces the file at path durably and atomically.
func (g *guard) write(path string) error {
	text, err := json.MarshalIndent(g, "", "  ")
	if err != nil {
		return err
	}
	temporary, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = temporary.Write(append(text, '\n'))
	if err == nil {
		err = temporary.Sync()
	}
	if err = errors.Join(err, temporary.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// checkEmpty refuses a directory that holds something but no guard.
func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != guardFile+".tmp" { // of a first start that was interrupted
			return fmt.Errorf("%w: %s holds %s, but not %s", ErrLostData, dir, e.Name(), guardFile)
		}
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
