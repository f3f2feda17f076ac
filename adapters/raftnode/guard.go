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

// dragonboatFile is where dragonboat notes what its directory was made for: the host and the address among other
// things, which the guard holds, too.
const dragonboatFile = "dragonboat.ds"

// guard is what the directory says of itself. It is what tells a node's data from another's, from
// none, and from an older one's.
type guard struct {
	Version     int      `json:"version"`
	ClusterID   string   `json:"cluster_id"`
	NodeID      int32    `json:"node_id"`
	Incarnation []byte   `json:"incarnation"` // 16 random bytes, made with the directory
	Boot        uint64   `json:"boot"`        // rises with each opening, and over the loss of the directory: see firstBoot
	Host        string   `json:"host"`        // dragonboat's directory is named for it
	Address     string   `json:"address"`     // at which the groups' other members know this node
	Groups      []string `json:"groups"`      // of which it has had a replica
	// Founders are the incarnations of the other nodes with which the cluster begins, as they have introduced themselves.
	Founders map[int32][]byte `json:"founders,omitempty"`
	// VoteClaimed says that the other nodes know this one's incarnation. An earlier version wrote neither.
	VoteClaimed bool `json:"vote_claimed,omitempty"`
}

const guardVersion = 1

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

// firstBoot is what a new directory's boots are counted from. A node whose directory was lost reads in the group's log
// what it had proposed before that, and must not take it for what it proposes now: it would seem to have been agreed
// on that it may go on to vote.
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
				"join anew, under a new node id",
			ErrWrongNode, g.NodeID, g.Address, set.Address,
		)
	}
	return nil
}

// moveTo makes the directory that of a host: dragonboat names the directory within for the host, and in one of another
// name it would begin anew, without its log and its votes. A crash in between is made good by the next call.
func (g *guard) moveTo(dir, host string) error {
	if g.Host == host {
		return nil
	}
	err := os.Rename(filepath.Join(dir, g.Host), filepath.Join(dir, host))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("move the raft data of host %q to host %q: %w", g.Host, host, err)
	}
	err = os.Remove(filepath.Join(dir, dragonboatFile)) // dragonboat writes it anew
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	g.Host = host
	return syncDir(dir)
}

// write replaces the file at path, durably and at once.
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
		if e.Name() != guardFile+".tmp" { // of a first start that was cut short
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
