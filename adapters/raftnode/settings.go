//go:build raft

package raftnode

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Settings say how this node takes part in Raft groups.
type Settings struct {
	Dir       string // the data directory; the node takes raft in it
	ClusterID string // the cluster's name or id, the same on all its nodes for good
	NodeID    int32  // this node's id, 0 at least, of this node's data for good

	Address string // host:port at which the other nodes reach this one; part of the groups' memberships
	Listen  string // host:port to listen on, "" for Address
	TLS     *TLS   // nil: in the clear

	RTT          time.Duration // Raft's tick, of 1 ms at least: about a round trip between two nodes with a sync
	ElectionRTT  int           // ticks without a leader's heartbeat after which an election may begin, 3 at least
	HeartbeatRTT int           // ticks between heartbeats

	SnapshotEntries    uint64 // entries after which the log may be cut
	CompactionOverhead uint64 // entries that are kept all the same, for nodes that lag

	Space Space // nil: there is always enough
}

// TLS names the files with which the nodes know each other. A certificate must hold the host names of its node's
// Address. The files are read at each connection to another node, and once for those that come.
type TLS struct{ CAFile, CertFile, KeyFile string }

// DefaultSettings returns the defaults: an election after 600 ms to 1.2 s without a leader.
func DefaultSettings() Settings {
	return Settings{
		RTT: 15 * time.Millisecond, ElectionRTT: 40, HeartbeatRTT: 4,
		SnapshotEntries: 10_000, CompactionOverhead: 1_000,
	}
}

// Validate returns an error that names the first setting that is out of bounds.
func (s Settings) Validate() error {
	switch {
	case s.Dir == "":
		return errors.New("no data directory")
	case s.ClusterID == "":
		return errors.New("no cluster id")
	case s.NodeID < 0:
		return fmt.Errorf("node id %d is negative", s.NodeID)
	case s.RTT < time.Millisecond || s.RTT > time.Second:
		return fmt.Errorf("a raft tick of %v, allowed 1ms to 1s", s.RTT)
	case s.HeartbeatRTT < 1 || s.ElectionRTT <= 2*s.HeartbeatRTT:
		return fmt.Errorf("an election after %d ticks with a heartbeat every %d, allowed more than twice as many",
			s.ElectionRTT, s.HeartbeatRTT)
	case s.SnapshotEntries < 1:
		return errors.New("a raft log that is never cut")
	case s.TLS != nil && (s.TLS.CAFile == "" || s.TLS.CertFile == "" || s.TLS.KeyFile == ""):
		return errors.New("TLS between nodes needs a CA, a certificate and a key")
	}
	for _, address := range []string{s.Address, s.listen()} {
		if _, port, err := net.SplitHostPort(address); err != nil || port == "" || port == "0" {
			return fmt.Errorf("raft address %q is not host:port", address)
		}
	}
	return nil
}

func (s Settings) listen() string {
	if s.Listen == "" {
		return s.Address
	}
	return s.Listen
}

// election is how long a group may be without a leader before one is elected, usually.
func (s Settings) election() time.Duration { return s.RTT * time.Duration(2*s.ElectionRTT) }
