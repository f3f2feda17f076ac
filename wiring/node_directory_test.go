//go:build raft

package wiring

import (
	"net"
	"testing"

	"github.com/chronik-stream/chronik/configs"
)

// nodeConfig returns the configuration of a node that is a cluster alone.
func nodeConfig(t *testing.T, dir string, more ...string) *configs.Config {
	t.Helper()
	var free [2]string
	for i := range free {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		free[i] = l.Addr().String()
	}
	kafka, raft := free[0], free[1]
	return config(t, dir, append(more, "listen="+kafka, "cluster.node_id=1", "cluster.raft_listen="+raft,
		"cluster.peers=1@"+kafka+"@"+raft)...)
}

func TestANodeDoesNotStartOnRecordsWithoutItsMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		dir   string
		more  []string
		wants []string
	}{
		"of Kafka":                 {kafkaLogs(t), nil, []string{noMetadata, "replace-node"}},
		"of Kafka, and it joins":   {kafkaLogs(t), []string{"cluster.join=true"}, []string{noMetadata, "replace-node"}},
		"of a broker with a file":  {produced(t, "use_wal_metadata=false"), nil, []string{"use another directory"}},
		"of a broker with the WAL": {produced(t), nil, []string{"that of a broker without a cluster"}},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, nodeConfig(t, c.dir, c.more...), c.wants...) })
	}
}
