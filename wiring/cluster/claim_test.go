//go:build raft

package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/adapters/nodetls"
	"github.com/chronik-stream/chronik/adapters/raftnode"
	"github.com/chronik-stream/chronik/adapters/replication"
	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/core/domain/broker/controller"
	"github.com/chronik-stream/chronik/core/domain/fault"
	"github.com/chronik-stream/chronik/core/ports"
	"github.com/chronik-stream/chronik/test/authority"
	"github.com/chronik-stream/chronik/test/harness"
)

// answering is a node 2 that does not answer the first two requests, and then answers with the incarnation by which it
// knows node 1. agreed says whether a majority confirms that.
func answering(t *testing.T, known func() [16]byte, agreed bool) configs.Peer {
	t.Helper()
	var asked atomic.Int32
	return configs.Peer{ID: 2, Kafka: authority.Serve(t, nil, func(c net.Conn) {
		var size [4]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		req := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(c, req); err != nil {
			return
		}
		resp := kmsg.NewPtrDescribeQuorumResponse()
		resp.Version = 2
		early := asked.Add(1) <= 2
		if early || !agreed {
			resp.ErrorCode = kerr.NotController.Code
		}
		if !early {
			voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
			voter.ReplicaID, voter.ReplicaDirectoryID = 1, known()
			part, topic := kmsg.NewDescribeQuorumResponseTopicPartition(), kmsg.NewDescribeQuorumResponseTopic()
			part.CurrentVoters = append(part.CurrentVoters, voter)
			topic.Partitions = append(topic.Partitions, part)
			resp.Topics = append(resp.Topics, topic)
		}
		answer := append(append(make([]byte, 4), req[4:8]...), 0) // the correlation id, and no tags
		answer = resp.AppendTo(answer)
		binary.BigEndian.PutUint32(answer, uint32(len(answer)-4))
		_, _ = c.Write(answer)
	})}
}

// realTime is the clock of nodes that wait for each other.
var realTime ports.Clock = time.Now

// starts starts node 1, which is new, with other as its peer, until it takes part, is refused, or limit has passed.
func starts(t *testing.T, other configs.Peer, certs *nodetls.Certificates, own *atomic.Value,
	limit time.Duration,
) (claimed bool, err error) {
	t.Helper()
	n := newNode(t.TempDir(), 1, harness.FreeAddr(t))
	m, err := raftnode.Open(n.set, discard())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	own.Store(m.Incarnation())
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	other.Raft = "localhost:1"
	cfg := &configs.Config{
		Listen: []configs.Listener{{Name: "PLAINTEXT", Address: "127.0.0.1:0"}},
		Cluster: configs.Cluster{
			NodeID: 1, Peers: []configs.Peer{{ID: 1, Kafka: "localhost:2", Raft: n.set.Address}, other},
		},
	}
	answers, closeAnswers := NewEarly(cfg, nil, discard())
	defer closeAnswers()
	joining := controller.NewJoining(controller.JoinSettings{
		Claim: Claim(cfg, m), Notes: m, Peers: NewAsker(cfg, certs), Announcer: answers, Clock: realTime,
		Log: discard(),
	})
	md, err := Open(ctx, cfg, m, joining, walSettings(n.set.Dir), discard())
	if err != nil {
		return m.VoteClaimed(), err
	}
	return m.VoteClaimed(), md.Close()
}

func TestANodeWithoutDataWaitsUntilOthersKnowIt(t *testing.T) {
	const waits = 1500 * time.Millisecond
	for name, c := range map[string]struct {
		known   byte // 0: by none, 1: by its own, 2: by another
		agreed  bool
		claimed bool
		err     error
	}{
		"it has voted, as one node knows":            {known: 2, err: fault.InconsistentVoterSet},
		"it has voted, as was agreed on":             {known: 2, agreed: true, err: fault.InconsistentVoterSet},
		"it is noted by the only other one":          {known: 1, claimed: true},
		"its claim was agreed on":                    {known: 1, agreed: true, claimed: true},
		"its claim was not agreed on yet":            {agreed: true, err: context.DeadlineExceeded},
		"the other one does not know it yet, either": {err: context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			var own atomic.Value
			known := func() [16]byte {
				switch c.known {
				case 1:
					return own.Load().([16]byte)
				case 2:
					return [16]byte{1}
				}
				return [16]byte{}
			}
			limit := long
			if errors.Is(c.err, context.DeadlineExceeded) {
				limit = waits
			}
			claimed, err := starts(t, answering(t, known, c.agreed), nil, &own, limit)
			if claimed != c.claimed || !errors.Is(err, c.err) {
				t.Errorf("vote claimed: %t, start = %v", claimed, err)
			}
			if errors.Is(err, fault.InconsistentVoterSet) && !strings.Contains(err.Error(),
				"what it has voted for is lost") {
				t.Errorf("start = %v", err)
			}
		})
	}
}

// TestTheLeaderClaimsForAVoterThatWaits: the voter was added before votes had to be claimed, and runs for the first
// time now.
func TestTheLeaderClaimsForAVoterThatWaits(t *testing.T) {
	c := running(t, 3, nil)
	leader := c.nodes[0]
	for _, n := range c.nodes[:2] {
		if err := n.ClaimVote(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	address := harness.FreeAddr(t)
	waiting := &configs.Config{Listen: []configs.Listener{{Name: "PLAINTEXT", Address: address}}}
	e, closeAnswers := NewEarly(waiting, nil, discard())
	if err := e.Open(t.Context(), c.nodes[2].own); err != nil {
		t.Fatal(err)
	}
	defer closeAnswers()
	cfg := &configs.Config{
		Cluster: configs.Cluster{Peers: []configs.Peer{{ID: 1, Kafka: harness.FreeAddr(t)}, {ID: 2, Kafka: address}}},
	}
	voters := controller.NewVoters(controller.VoterSettings{
		Own:   controller.NewOwnVoters(Claim(cfg, leader.manager), leader.manager, leader.Voters),
		Store: leader.Store, Group: leader.group, Peers: NewAsker(cfg, nil), Log: discard(),
	})
	for range 2 {
		if err := voters.ClaimForOthers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if known := leader.Voters()[2]; known != c.nodes[2].manager.Incarnation() {
		t.Errorf("node 2 votes under %x", known)
	}
	if known, err := replication.AskQuorum(t.Context(), nil, 2, address); err != nil || known.Agreed ||
		len(known.Voters) != 3 {
		t.Errorf("a node that waits knows %+v, %v", known, err)
	}
}
