//go:build raft

package cluster

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/chronik-stream/chronik/configs"
	"github.com/chronik-stream/chronik/test/authority"
)

// electing is a node that has no leader for the first questions, and then knows node 1 if it votes.
func electing(t *testing.T, votes bool) configs.Peer {
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
		if asked.Add(1) <= 2 {
			resp.ErrorCode = kerr.NotController.Code
		} else {
			voter := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
			voter.ReplicaID = 1
			if votes {
				voter.ReplicaDirectoryID[0] = 1
			}
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

func TestANodeWithoutDataWaitsUntilOthersKnowWhetherItHasVoted(t *testing.T) {
	for votes, want := range map[bool]string{false: "", true: "what it has voted for is lost"} {
		err := checkNew(t.Context(), []configs.Peer{electing(t, votes)}, nil, 1)
		if (err != nil) != votes || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("it has voted: %t; checkNew() = %v", votes, err)
		}
	}
}
