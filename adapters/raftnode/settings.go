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
	Dir       string // the data directory; the node uses raft in it
	ClusterID string // the cluster's name or id, the same on all its nodes; it never changes
	NodeID    int32  // this node's id, 0 at least; the data belongs to it

	Address string // host:port at which the other nodes reach this one; part of the groups' memberships
	Listen  string // host:port to listen on, "" for Address
	TLS     *TLS   // nil: plain text

	RTT          time.Duration // Raft's tick, 1 ms at least: about one round trip between two nodes with a sync
	ElectionRTT  int           // ticks without a leader's heartbeat after which an election may begin, 3 at least
	HeartbeatRTT int           // ticks between heartbeats

	SnapshotEntries    uint64 // entries after which a snapshot is taken and the log may be truncated
	CompactionOverhead uint64 // entries that are kept nevertheless, for nodes that lag

	Space Space // nil: there is always enough room
}

// TLS names the files with which the nodes authenticate each other. A certificate must hold the host name of its node's
// Address. The files are read for each outgoing connection, and once for all incoming ones.
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
